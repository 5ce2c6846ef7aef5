// Fuzz target: a bus of the connector, its options and its packets, by anything.
//
// The input is steps, each behind what to do, which of four nodes does it and how many bytes follow
// (at most 255). What must hold: a value of an option that is taken is shown as it was written, and
// one that is not changes nothing; a packet that is no messages is EINVAL and reaches nobody; what
// reaches a node with headers is one whole message, as it was sent; and in the end nothing is left.

#include "connector.h"

#include <cerrno>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/policies.h"
#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "messages.h"
#include "subscription.h"
#include "world.h"

namespace {

using namespace ipn::test;
using ipn::connector::Message;

class Story {
  public:
    Story() {
        IPN_CHECK(world_.registry.policies().add(ipn_connector_policy(&ipn::core::policy_host())));
        IPN_CHECK(world_.set(lab(), "policy", "connector") == 0);
        for (const Role role : {Role::both, Role::reader, Role::writer, Role::both})
            nodes_.push_back(&world_.join(lab(), role));
    }
    ~Story() {
        world_.everybody_leaves();
        const ipn::core::AssumeLoop here;
        const auto stats = lab().policy().stats();
        for (std::size_t index = 0; index < stats.size(); ++index)
            if (stats[index].kind == IPN_STAT_GAUGE) IPN_CHECK(lab().policy_stat(index) == 0);
        IPN_CHECK(world_.registry.memory().used() == 0);
    }
    Story(const Story&) = delete;
    Story& operator=(const Story&) = delete;

    void step(unsigned what, unsigned who, std::string_view data) {
        TestEndpoint& node = *nodes_[who % nodes_.size()];
        switch (what % 5) {
            case 0:
            case 1:
                return set(node, what % 5, data);
            case 2:
                return write(node, data);
            case 3:
                return open(std::string(data.substr(0, data.find('\0'))));
            case 4:
                return look();
        }
    }

  private:
    ipn::core::Network& lab() { return *world_.registry.find("lab"); }

    std::string option(TestEndpoint& node, std::size_t index) {
        const ipn::core::AssumeLoop here;
        return *lab().policy_option(node.number(), index);
    }
    void set(TestEndpoint& node, std::size_t index, std::string_view value) {
        const std::string before = option(node, index);
        const ipn::core::AssumeLoop here;
        const auto done = lab().set_policy_option(node.number(), index, value);
        IPN_CHECK(done || (done.error().code == EINVAL && !done.error().words.empty()));
        IPN_CHECK(option(node, index) == (done ? value : before));
    }

    void write(TestEndpoint& from, std::string_view packet) {
        if (packet.empty()) return;
        read_all();
        const ipn::core::Network::Sent sent = from.send(packet);
        std::vector<Message> messages;
        const bool headers = files_ == 0 || &from != nodes_.back();
        if (headers && ipn::connector::parse_packet(bytes_of(packet), messages) != nullptr)
            IPN_CHECK(sent.outcome != Send::done);
        if (sent.outcome == Send::refused) {
            IPN_CHECK((sent.error == EINVAL || sent.error == ESRCH) && !sent.words.empty());
            IPN_CHECK(read_all().empty());
        }
        for (const std::string& got : headers ? read_all() : std::vector<std::string>()) {
            IPN_CHECK(ipn::connector::parse_packet(bytes_of(got), messages) == nullptr);
            IPN_CHECK(messages.size() == 1);
            IPN_CHECK(got.size() == ipn::connector::kHeader + messages[0].length);
            IPN_CHECK(packet.find(got) != packet.npos);
        }
    }

    // What waits at the nodes that read headers; that of the others is thrown away.
    std::vector<std::string> read_all() {
        std::vector<std::string> all;
        for (TestEndpoint* node : nodes_) {
            const bool bare = files_ > 0 && node == nodes_.back();
            while (node->node().queued() > 0) {
                std::string packet = node->read();
                if (!bare) all.push_back(std::move(packet));
            }
        }
        return all;
    }

    // The last node is one of ids/ from now on, if there is such a name.
    void open(const std::string& name) {
        const auto& endpoints = *lab().policy().endpoints();
        const int known = endpoints.check(handle(lab()), name.c_str());
        IPN_CHECK((known == 0) == ipn::connector::parse_id(name).has_value());
        if (known != 0 || files_ == kFilesMax) return;
        ++files_;
        TestEndpoint& file = world_.join(lab(), Role::both);
        const ipn::core::PolicyCall call(lab());
        IPN_CHECK(endpoints.open(handle(file.node()), name.c_str()) == 0);
        if (files_ > 1) nodes_.pop_back();
        nodes_.push_back(&file);
    }

    void look() {
        const ipn::core::PolicyCall call(lab());
        ipn_text text;
        lab().policy().endpoints()->list(handle(lab()), &text);
        for (const ipn_view& view : lab().policy().views())
            IPN_CHECK(view.show(handle(lab()), &text) == 0);
        IPN_CHECK(!text.overflowed);
    }

    static constexpr int kFilesMax = 8;

    World world_;
    std::vector<TestEndpoint*> nodes_;
    int files_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    Story story;
    while (rest.size() > 3) {
        const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
        const unsigned what = at(0), who = at(1), length = at(2);
        story.step(what, who, rest.substr(3, length));
        rest.remove_prefix(std::min<std::size_t>(rest.size(), 3 + length));
    }
    return 0;
}
