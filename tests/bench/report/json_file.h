// A JSON document in a file, in the order in which it was made.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace bench {

inline void write_json_file(const nlohmann::ordered_json& json, const std::string& path) {
    std::ofstream file(path);
    file << json.dump(2) << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

inline nlohmann::ordered_json read_json_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    return nlohmann::ordered_json::parse(file);
}

}  // namespace bench
