#include "transports/naive_hub_mount.h"

#include "transports/file_network.h"

namespace bench {

namespace {

class NaiveHubNetwork : public Network {
  public:
    NaiveHubNetwork(const NaiveHubPlace& place, const NetworkSetup& setup)
        : hub_(place), port_(hub_.port(), setup.buffer_bytes) {}

    std::unique_ptr<Endpoint> join(Role role, unsigned number) override {
        return port_.join(role, number);
    }
    const Process* server() const override { return &hub_.server(); }

  private:
    NaiveHubMount hub_;
    FileNetwork port_;
};

class NaiveHub : public Transport {
  public:
    explicit NaiveHub(NaiveHubPlace place) : place_(std::move(place)) {}

    std::string name() const override { return "naive hub"; }
    std::string setting() const override {
        return "FUSE, delivers inside the write, lossless, queues of 128 packets";
    }
    bool carries(const NetworkSetup& /*setup*/) const override { return true; }
    std::unique_ptr<Network> open(const NetworkSetup& setup) override {
        return std::make_unique<NaiveHubNetwork>(place_, setup);
    }

  private:
    NaiveHubPlace place_;
};

}  // namespace

std::unique_ptr<Transport> make_naive_hub(const NaiveHubPlace& place) {
    return std::make_unique<NaiveHub>(place);
}

}  // namespace bench
