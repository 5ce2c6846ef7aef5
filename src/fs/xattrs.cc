// Extended attributes: from their names and sizes on the wire to Attributes and back.

#include <sys/xattr.h>

#include <string>

#include "fs/filesystem.h"

namespace ipn::fs {
namespace {

// The name without "user.ipn.", or nothing if it is not ours.
std::optional<std::string_view> own_name(std::string_view name) {
    if (!name.starts_with(kAttributePrefix)) return std::nullopt;
    return name.substr(kAttributePrefix.size());
}

}  // namespace

void Filesystem::answer_xattr(Request& request, std::string_view value, std::size_t size) {
    if (size == 0) return request.xattr_size(value.size());
    if (size < value.size()) return request.error(ERANGE);
    request.bytes(value);
}

void Filesystem::getxattr(Request request, fuse_ino_t node, std::string_view name,
                          std::size_t size) {
    const Place place = inodes_.find(node);
    const auto own = own_name(name);
    if (place.kind == Place::Kind::gone) return request.error(ENOENT);
    if (!own) return request.error(ENODATA);
    if (own == kErrorName) {
        const std::string* words = words_.find(request.caller().uid, Inodes::shown(place));
        return words == nullptr ? request.error(ENODATA) : answer_xattr(request, *words, size);
    }
    if (get_of_interface(request, place, *own, size)) return;
    const auto value = attributes_.get(place, *own);
    if (!value) return request.error(value.error().code);
    answer_xattr(request, *value, size);
}

void Filesystem::setxattr(Request request, fuse_ino_t node, std::string_view name,
                          std::string_view value, int flags) {
    const Place place = inodes_.find(node);
    const auto own = own_name(name);
    if (place.kind == Place::Kind::gone) return request.error(ENOENT);
    if (!own) return request.error(EOPNOTSUPP);
    const std::uint64_t shown = Inodes::shown(place);
    if (own == kErrorName) return refuse(request, place, {EPERM, "error is read only"});
    if ((flags & XATTR_CREATE) != 0 && attributes_.get(place, *own))
        return refuse(request, place, {EEXIST, "the attribute exists"});
    if (set_of_interface(request, place, *own, value)) return;
    auto set = attributes_.set(place, *own, value, request.caller());
    if (!set) return refuse(request, shown, set.error());
    commit(std::move(request), shown, std::move(*set), [](Request& answer) { answer.ok(); });
}

void Filesystem::removexattr(Request request, fuse_ino_t node, std::string_view name) {
    const Place place = inodes_.find(node);
    const auto own = own_name(name);
    if (place.kind == Place::Kind::gone) return request.error(ENOENT);
    if (!own) return request.error(ENODATA);
    if (place.kind == Place::Kind::interface && *own == "persist")
        return set_persist(std::move(request), place, "1");
    auto reset = attributes_.reset(place, *own, request.caller());
    if (!reset) return refuse(request, place, reset.error());
    commit(std::move(request), Inodes::shown(place), std::move(*reset),
           [](Request& answer) { answer.ok(); });
}

void Filesystem::listxattr(Request request, fuse_ino_t node, std::size_t size) {
    const Place place = inodes_.find(node);
    if (place.kind == Place::Kind::gone) return request.error(ENOENT);
    std::string names;
    for (const std::string& name : attributes_.list(place)) {
        names += kAttributePrefix;
        names += name;
        names += '\0';
    }
    answer_xattr(request, names, size);
}

}  // namespace ipn::fs
