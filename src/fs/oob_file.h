// OobFile: an open `oob`, which tells what is said out of band on a network while it is read.
//
// The first line says how many readers and writers there are. Then comes a line for each change of
// their numbers (level 0), and one for each message of the policy (level 1), whichever node it is
// for and whether that wants it or not. End of file comes when the network was ended.
// The format is in ipnfs-events(5). Such a file is no node. Threads: the loop only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/memory.h"
#include "core/network.h"
#include "core/oob_watcher.h"
#include "fs/record_file.h"

namespace ipn::fs {

class OobFile final : public RecordFile, private core::OobWatcher {
  public:
    OobFile(const Place& place, core::AccountRef payer, core::Network& network) IPN_ON_LOOP;

  private:
    void counted() override IPN_ON_LOOP;
    void sent(const core::Node& to, std::span<const std::byte> message) override IPN_ON_LOOP;
    void ended() override IPN_ON_LOOP { end(); }
    std::string lost_record(std::uint64_t count) override;

    // Pushes the line that `make` returns.
    template <typename Make>
    void push_line(Make make) IPN_ON_LOOP;

    core::Network& network_;  // has gone after ended()
};

}  // namespace ipn::fs
