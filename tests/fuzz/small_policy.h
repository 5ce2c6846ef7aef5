// What the fuzz targets of broadcast and pair share, which have no options of their own: a network
// with such a policy, whose options are set, and four nodes that come and go.
//
// The input is steps, each behind what to do, who does it and how many bytes follow. Whatever
// happens: nobody gets what it sent itself, nor anything twice or out of order; what somebody gets
// was sent; an option's value that is not taken changes nothing; and in the end nothing is left.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/on_loop.h"
#include "core/options.h"
#include "core/policies.h"
#include "world.h"

namespace ipn::test {

class SmallPolicy {
  public:
    // `module`: null for a policy that is there.
    SmallPolicy(const ipn_policy* module, std::string_view policy) {
        if (module != nullptr) IPN_CHECK(world_.registry.policies().add(module).has_value());
        IPN_CHECK(world_.set(lab(), "policy", policy) == 0);
    }
    ~SmallPolicy() {
        for (Somebody& each : nodes_) each.endpoint.reset();
        IPN_CHECK(world_.set(lab(), "retain", "0") == 0);
        world_.run_work();
        IPN_CHECK(world_.registry.memory().used() == 0);
        IPN_CHECK(lab().backlog() == 0);
    }
    SmallPolicy(const SmallPolicy&) = delete;
    SmallPolicy& operator=(const SmallPolicy&) = delete;

    void run(const std::uint8_t* data, std::size_t size) {
        std::string_view rest(reinterpret_cast<const char*>(data), size);
        while (rest.size() >= 3) {
            const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
            const std::size_t length = std::min<std::size_t>(at(2), rest.size() - 3);
            step(at(0), at(1), rest.substr(3, length));
            rest.remove_prefix(3 + length);
        }
    }

  private:
    struct Somebody {
        std::unique_ptr<TestEndpoint> endpoint;  // null: nobody
        unsigned id = 0;                         // of no other that was here
        std::map<unsigned, unsigned> heard;      // the last number of each sender
    };
    // What packets begin with: who sent it, and how many before.
    static constexpr std::size_t kStamp = 4;

    core::Network& lab() { return *world_.registry.find("lab"); }

    void step(unsigned what, unsigned who, std::string_view data) {
        Somebody& one = nodes_[who % nodes_.size()];
        const Role role = kRoles[data.empty() ? 2 : static_cast<unsigned char>(data[0]) % 3];
        switch (what % 6) {
            case 0:
                if (one.endpoint)
                    write(one, data);
                else
                    join(one, role, who >= 128 ? who / 4 % 8 : IPN_PORT_ANY);
                break;
            case 1:
                for (Somebody& each : nodes_) read_all(each);
                break;
            case 2:
                if (one.endpoint && who >= 128) world_.cut(*one.endpoint);
                one.endpoint.reset();
                break;
            case 3:
                if (one.endpoint) static_cast<void>(one.endpoint->narrow(role));
                break;
            case 4:
                set(who, data);
                break;
            case 5:
                world_.advance(std::chrono::milliseconds(who));
                break;
        }
        world_.run_work();
    }

    void join(Somebody& one, Role role, std::uint32_t port) {
        auto endpoint = std::make_unique<TestEndpoint>();
        const auto joined = endpoint->join(lab(), {.role = role, .port = port, .credentials = {}});
        if (!joined) return;
        one = {std::move(endpoint), ++ids_, {}};
    }

    void write(const Somebody& one, std::string_view data) {
        const unsigned number = ++numbers_;
        std::string packet;
        for (const unsigned value : {one.id >> 8, one.id, number >> 8, number})
            packet += static_cast<char>(value & 0xff);
        one.endpoint->write(packet.append(data));
    }

    void read_all(Somebody& one) {
        if (!one.endpoint) return;
        for (;;) {
            const std::string got = one.endpoint->read();
            if (got == TestEndpoint::kNothing || got == TestEndpoint::kEndOfFile ||
                got == TestEndpoint::kReset)
                return;
            // Pieces of a stream have no stamp where they begin.
            if (got == TestEndpoint::kLost || was_stream_) continue;
            IPN_CHECK(got.size() >= kStamp);
            const auto at = [&](std::size_t i) { return static_cast<unsigned char>(got[i]); };
            const unsigned from = at(0) << 8 | at(1), number = at(2) << 8 | at(3);
            IPN_CHECK(from != one.id && from <= ids_ && number <= numbers_);
            unsigned& last = one.heard[from];
            IPN_CHECK(number > last);
            last = number;
        }
    }

    void set(unsigned which, std::string_view value) {
        const core::Option& option = core::options()[which % core::options().size()];
        // With another policy, or without the network, the story would end.
        if (option.name == "policy" || option.name == "ephemeral") return;
        const core::NetworkOptions before = lab().options();
        if (world_.set(lab(), option.name, value) != 0) IPN_CHECK(lab().options() == before);
        was_stream_ = was_stream_ || lab().options().type == core::Type::stream;
    }

    static constexpr std::array kRoles{Role::reader, Role::writer, Role::both};

    World world_;
    std::array<Somebody, 4> nodes_;
    unsigned ids_ = 0;
    unsigned numbers_ = 0;
    bool was_stream_ = false;
};

}  // namespace ipn::test
