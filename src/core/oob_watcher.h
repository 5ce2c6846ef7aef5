// OobWatcher: whoever follows what one network says out of band: how many readers and writers it
// has, and every message of its policy, whichever node it is for.
//
// Lifecycle: on the network's list from Network::watch() until it is destroyed or was told of the
// end. It is no node: it holds nobody up, and no policy knows of it. None of these calls may throw,
// nor change anything of the network. Threads: the loop only.
#pragma once

#include <cstddef>
#include <span>

#include "core/list.h"
#include "core/on_loop.h"

namespace ipn::core {

class Node;

struct OobWatcherTag;

class OobWatcher : public ListHook<OobWatcherTag> {
  public:
    // The number of readers or of writers is another now.
    virtual void counted() IPN_ON_LOOP = 0;
    // The policy has sent `message`, which is not empty, to node `to`, which may not want it.
    virtual void sent(const Node& to, std::span<const std::byte> message) IPN_ON_LOOP = 0;
    // The network was ended, and has no nodes any more.
    virtual void ended() IPN_ON_LOOP = 0;

  protected:
    ~OobWatcher() = default;
};

}  // namespace ipn::core
