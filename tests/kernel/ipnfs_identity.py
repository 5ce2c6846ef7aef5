"""Acting as another user: numeric ids, which need no entry in passwd.

    STRANGER.does(os.mkdir, path)             # raises the OSError that the stranger got
    spawn("cat", port, **MEMBER.as_process)
"""

import dataclasses
import os
import pickle


@dataclasses.dataclass(frozen=True)
class Identity:
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def does(self, function, *arguments):
        """What function(*arguments) returns or raises in a child process with these ids alone."""
        answer, question = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with open(question, "wb") as pipe:
                    pickle.dump(self._outcome(function, arguments), pipe)
            finally:
                os._exit(0)
        os.close(question)
        with open(answer, "rb") as pipe:
            outcome = pipe.read()
        os.waitpid(child, 0)
        value, error = pickle.loads(outcome)
        if error:
            raise error
        return value

    def _outcome(self, function, arguments):
        try:
            os.setgroups(self.groups)
            os.setgid(self.gid)
            os.setuid(self.uid)
            return (function(*arguments), None)
        except Exception as error:  # handed over to whoever asked
            return (None, error)

    @property
    def as_process(self):
        """Keyword arguments for subprocess.Popen."""
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups}

    def may(self, wanted, mode, owner, group):
        """Whether POSIX lets it do `wanted` (r 4, w 2) with a file: the first class decides."""
        if self.uid == 0:
            return True
        if self.uid == owner:
            granted = mode >> 6
        elif group in (self.gid, *self.groups):
            granted = mode >> 3
        else:
            granted = mode
        return granted & wanted == wanted


ROOT = Identity(0, 0)
OWNER = Identity(70001, 70001)
MEMBER = Identity(70002, 70100)
SUPPLEMENTARY_MEMBER = Identity(70003, 70003, (70099, 70100))
STRANGER = Identity(70004, 70004)

GROUP = MEMBER.gid  # which MEMBER and SUPPLEMENTARY_MEMBER are in, and OWNER is not
