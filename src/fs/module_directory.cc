#include "fs/module_directory.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "fs/policies_directory.h"

namespace ipn::fs {
namespace {

std::vector<std::string> modules_in(const std::string& directory) {
    std::vector<std::string> paths;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".so") paths.push_back(entry->path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

// Whether the module of that path is that of a policy which the daemon has anyway.
bool is_built_in(const core::Policies& policies, const std::string& path) {
    const core::Policy* policy = policies.find(std::filesystem::path(path).stem().string());
    return policy != nullptr && policy->origin().code == nullptr;
}

}  // namespace

std::vector<std::string> register_directory(core::Policies& policies, ModuleLoader& loader,
                                            const std::string& directory) {
    std::vector<std::string> skipped;
    for (const std::string& path : modules_in(directory)) {
        auto module = loader.load(path);
        if (!module) {
            skipped.push_back(module.error().words);
            continue;
        }
        const auto added = add_module(policies, std::move(*module), path, {});
        if (!added && !is_built_in(policies, path)) skipped.push_back(added.error().words);
    }
    return skipped;
}

}  // namespace ipn::fs
