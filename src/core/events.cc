#include "core/events.h"

namespace ipn::core {

const char* to_string(Event::Kind kind) {
    switch (kind) {
        case Event::Kind::create:
            return "create";
        case Event::Kind::rename:
            return "rename";
        case Event::Kind::policy:
            return "policy";
        case Event::Kind::option:
            return "option";
        case Event::Kind::connect:
            return "connect";
        case Event::Kind::disconnect:
            return "disconnect";
        case Event::Kind::interface:
            return "interface";
        case Event::Kind::shutdown:
            return "shutdown";
        case Event::Kind::destroy:
            return "destroy";
        case Event::Kind::policy_registered:
            return "policy-registered";
        case Event::Kind::policy_unregistered:
            return "policy-unregistered";
    }
    return "";
}

const char* to_string(Event::Reason reason) {
    switch (reason) {
        case Event::Reason::none:
            return "";
        case Event::Reason::cut:
            return "cut";
        case Event::Reason::stalled:
            return "stalled";
        case Event::Reason::no_memory:
            return "no memory";
        case Event::Reason::shutdown:
            return "shutdown";
        case Event::Reason::vanished:
            return "vanished";
        case Event::Reason::moved:
            return "moved";
        case Event::Reason::created:
            return "created";
        case Event::Reason::attached:
            return "attached";
        case Event::Reason::moved_away:
            return "moved away";
        case Event::Reason::removed:
            return "removed";
    }
    return "";
}

}  // namespace ipn::core
