// JSON Lines (jsonlines.org), as `oob` and `.ipnfs/events` have them: one object a line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ipn::fs {

using Json = nlohmann::ordered_json;

// What is no UTF-8 is replaced by U+FFFD.
inline std::string json_line(const Json& object) {
    constexpr int kOneLine = -1;
    return object.dump(kOneLine, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace ipn::fs
