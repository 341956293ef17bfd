"""STROBE-128, the operations that Merlin uses (STROBE v1.0.2, rate 166 bytes).

Invariant: every operation is framed by its flags and the place where the one before began, so two different sequences
of operations never give one state.
"""

from __future__ import annotations

from maestro_zk.keccak import permute

RATE = 166
_I, _A, _C, _M, _K = 1, 2, 4, 16, 32


class Strobe128:
    """A STROBE state; ``clone`` branches it."""

    __slots__ = ("_begin", "_flags", "_position", "_state")

    def __init__(self, protocol: bytes) -> None:
        self._state = bytearray([1, RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2" + bytes(182)
        permute(self._state)
        self._position = self._begin = self._flags = 0
        self.meta_ad(protocol)

    def clone(self) -> Strobe128:
        """An independent copy."""
        copy = object.__new__(Strobe128)
        copy._state = bytearray(self._state)
        copy._position, copy._begin, copy._flags = self._position, self._begin, self._flags
        return copy

    def meta_ad(self, data: bytes, *, more: bool = False) -> None:
        """Absorb framing."""
        self._start(_M | _A, more=more)
        self._absorb(data)

    def ad(self, data: bytes) -> None:
        """Absorb data."""
        self._start(_A)
        self._absorb(data)

    def key(self, data: bytes) -> None:
        """Overwrite state with secret data."""
        self._start(_A | _C)
        for byte in data:
            self._state[self._position] = byte
            self._step()

    def prf(self, count: int) -> bytes:
        """Squeeze ``count`` pseudo-random bytes."""
        self._start(_I | _A | _C)
        out = bytearray(count)
        for i in range(count):
            out[i] = self._state[self._position]
            self._state[self._position] = 0
            self._step()
        return bytes(out)

    def _start(self, flags: int, *, more: bool = False) -> None:
        if more:
            if flags != self._flags:
                raise ValueError("an operation can only be continued by one of its kind")
            return
        begun, self._begin, self._flags = self._begin, self._position + 1, flags
        self._absorb(bytes([begun, flags]))
        if flags & (_C | _K) and self._position:
            self._run()

    def _absorb(self, data: bytes) -> None:
        for byte in data:
            self._state[self._position] ^= byte
            self._step()

    def _step(self) -> None:
        self._position += 1
        if self._position == RATE:
            self._run()

    def _run(self) -> None:
        self._state[self._position] ^= self._begin
        self._state[self._position + 1] ^= 4
        self._state[RATE + 1] ^= 0x80
        permute(self._state)
        self._position = self._begin = 0
