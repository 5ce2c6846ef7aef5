"""random_sender.py blocking|polling SEED PACKETS PORT...: sends packets to ports at random.

Where there is no room it waits in write(2), or in poll(2) for POLLOUT.
"""

import os
import random
import select
import sys


def send(port, packet):
    while True:
        try:
            return os.write(port, packet)
        except BlockingIOError:
            poll = select.poll()
            poll.register(port, select.POLLOUT)
            poll.poll()


def main(how, seed, packets, *paths):
    dice = random.Random(int(seed))
    flags = {"blocking": 0, "polling": os.O_NONBLOCK}[how]
    ports = [os.open(path, os.O_WRONLY | flags) for path in paths]
    for number in range(int(packets)):
        port = ports[int(len(ports) * dice.random() ** 4)]  # some are much busier than others
        send(port, f"{seed} {number}".encode())


main(*sys.argv[1:])
