"""How each subject looks in every plot: ours in strong colours and thick, the peers behind them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    color: str
    width: float = 1.5
    dash: str = ""


# The longest name that a subject begins with decides. Colours that colour-blind people tell apart.
LOOKS = {
    "ipnfs": Look("#d55e00", 3),
    "ipnfs lossy": Look("#e69f00", 2, "6 3"),
    "ipnfs framed": Look("#0072b2", 3),
    "ipnfs stream": Look("#56b4e9", 2, "6 3"),
    "vde_switch": Look("#000000", 2),
    "vde_switch, resumed": Look("#000000", 1.2, "2 3"),
    "SEQPACKET": Look("#009e73"),
    "SEQPACKET, 32": Look("#009e73", 1.5, "6 3"),
    "ZeroMQ": Look("#aa4499", 2),
    "netlink": Look("#8a7a00"),
    "naive hub": Look("#8b4513", 1.5, "2 3"),
    "tee": Look("#888888"),
    "two null operations": Look("#888888"),
}


def look_of(subject):
    """Subjects of another mount ("ipnfs (uring)") have the colour of the plain ones, dashed."""
    known = [name for name in LOOKS if subject.startswith(name)]
    look = LOOKS[max(known, key=len)] if known else Look("#444444")
    if "(" in subject and subject.startswith("ipnfs"):
        return Look(look.color, look.width * 0.7, "8 3 2 3")
    return look
