// A byte stream to several readers, with nothing but coreutils: seconds from the start of the
// writer to the end of the last reader.
#pragma once

#include <string>

namespace bench {

struct StreamSetup {
    std::string file;  // what is sent
    unsigned readers = 4;
};

// `tee` to FIFOs, each read by `cat FIFO > /dev/null`.
double seconds_of_tee(const std::string& directory, const StreamSetup& setup);

// `cat FILE > port` to `cat port > /dev/null`, on an ipnfs network that is set up for that.
double seconds_of_ipnfs_stream(const std::string& network, const StreamSetup& setup);

}  // namespace bench
