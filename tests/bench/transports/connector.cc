#include "transports/connector.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/connector.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/errors.h"
#include "harness/fd.h"
#include "transports/file_network.h"

namespace bench {

namespace {

constexpr cb_id measured_id{1, 1};
constexpr unsigned other_idx = 2;
constexpr unsigned ids_a_node = 1000;
constexpr std::size_t header_bytes = sizeof(cn_msg);
constexpr std::size_t packet_bytes_max = 65535 - header_bytes;
constexpr std::size_t mtu_default = 1514;

Fd join_port(const std::string& network, int flags, const std::string& ids) {
    const std::string path = network + "/port";
    Fd port(check(::open(path.c_str(), flags), path));
    if (ids.empty()) return port;
    check(::fsetxattr(port.get(), "user.ipn.connector.ids", ids.data(), ids.size(), 0), "ids");
    return port;
}

class ConnectorEndpoint : public Endpoint {
  public:
    ConnectorEndpoint(Fd port, const NetworkSetup& setup)
        : port_(std::move(port)),
          sent_(header_bytes),
          received_(header_bytes + std::max(setup.buffer_bytes, setup.packet_bytes)) {}

    void send(std::span<const std::byte> packet) override {
        cn_msg header{};
        header.id = measured_id;
        header.seq = ++seq_;
        header.len = static_cast<__u16>(packet.size());
        sent_.resize(header_bytes);
        std::memcpy(sent_.data(), &header, header_bytes);
        sent_.insert(sent_.end(), packet.begin(), packet.end());
        check(::write(port_.get(), sent_.data(), sent_.size()), "write");
    }
    std::span<const std::byte> receive() override {
        const ssize_t bytes =
            check(::read(port_.get(), received_.data(), received_.size()), "read");
        const auto length = static_cast<std::size_t>(bytes);
        if (length < header_bytes) throw std::runtime_error("no message");
        return std::span(received_).subspan(header_bytes, length - header_bytes);
    }

  private:
    Fd port_;
    unsigned seq_ = 0;
    std::vector<std::byte> sent_;
    std::vector<std::byte> received_;
};

class ConnectorNetwork : public Network {
  public:
    ConnectorNetwork(const IpnfsPlace& place, const std::string& module, unsigned ids,
                     const NetworkSetup& setup)
        : setup_(setup), mount_(place) {
        mount_.register_policy("connector", module);
        const unsigned others = ids - 1;
        const unsigned idle = (others + ids_a_node - 1) / ids_a_node;
        network_ = mount_.make_network(
            "bench",
            {{"lossless", "1"},
             {"mtu", std::to_string(std::max(setup.packet_bytes + header_bytes, mtu_default))},
             {"numnodes", std::to_string(setup.members.all() + idle)},
             {"policy", "connector"}});
        for (unsigned val = 0; val < others; val += ids_a_node) {
            std::string subscribed;
            for (unsigned each = val; each < std::min(others, val + ids_a_node); ++each)
                subscribed += fmt::format("{}{}:{}", each > val ? " " : "", other_idx, each);
            idle_.push_back(join_port(network_, O_RDONLY | O_CLOEXEC, subscribed));
        }
    }

    std::unique_ptr<Endpoint> join(Role role, unsigned /*number*/) override {
        const std::string ids =
            role == Role::writer ? "" : fmt::format("{}:{}", measured_id.idx, measured_id.val);
        return std::make_unique<ConnectorEndpoint>(join_port(network_, open_flags(role), ids),
                                                   setup_);
    }
    const Process* server() const override { return &mount_.server(); }

  private:
    NetworkSetup setup_;
    IpnfsMount mount_;
    std::string network_;
    std::vector<Fd> idle_;  // closed before the mount goes
};

class Connector : public Transport {
  public:
    Connector(IpnfsPlace place, std::string module, unsigned ids)
        : place_(std::move(place)), module_(std::move(module)), ids_(ids) {}

    std::string name() const override { return connector_name(ids_); }
    std::string setting() const override {
        return fmt::format("policy connector, lossless, one id of {} that are subscribed to", ids_);
    }
    bool carries(const NetworkSetup& setup) const override {
        return setup.packet_bytes <= packet_bytes_max;
    }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<ConnectorNetwork>(place_, module_, ids_, setup);
    }

  private:
    IpnfsPlace place_;
    std::string module_;
    unsigned ids_;
};

}  // namespace

std::string connector_name(unsigned ids) {
    return fmt::format("ipnfs connector, {} ids", ids);
}

std::unique_ptr<Transport> make_connector(const IpnfsPlace& place, const std::string& module,
                                          unsigned ids) {
    return std::make_unique<Connector>(place, module, ids);
}

}  // namespace bench
