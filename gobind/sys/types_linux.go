// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

// Unix returns the time as seconds and nanoseconds.
func (ts *Timespec) Unix() (sec int64, nsec int64) {
	return ts.Sec, ts.Nsec
}

// Nano returns the time in nanoseconds.
func (ts *Timespec) Nano() int64 {
	return ts.Sec*1e9 + ts.Nsec
}

// Unix returns the time as seconds and nanoseconds.
func (tv *Timeval) Unix() (sec int64, nsec int64) {
	return tv.Sec, tv.Usec * 1000
}

// Nano returns the time in nanoseconds.
func (tv *Timeval) Nano() int64 {
	return tv.Sec*1e9 + tv.Usec*1000
}

// SetLen sets the length in bytes.
func (iov *Iovec) SetLen(length int) {
	iov.Len = uint64(length)
}

// SetIovlen sets the number of buffers.
func (msg *Msghdr) SetIovlen(length int) {
	msg.Iovlen = uint64(length)
}

// SetControllen sets the number of bytes of control data.
func (msg *Msghdr) SetControllen(length int) {
	msg.Controllen = uint64(length)
}

// SetLen sets the number of bytes, the header included.
func (cmsg *Cmsghdr) SetLen(length int) {
	cmsg.Len = uint64(length)
}

// Set adds fd to the set, which has room for 0 to 1023.
func (s *FdSet) Set(fd int) {
	s.Bits[fd/64] |= 1 << (uint(fd) % 64)
}

// Clear removes fd from the set.
func (s *FdSet) Clear(fd int) {
	s.Bits[fd/64] &^= 1 << (uint(fd) % 64)
}

// IsSet reports whether fd is in the set.
func (s *FdSet) IsSet(fd int) bool {
	return s.Bits[fd/64]&(1<<(uint(fd)%64)) != 0
}

// Zero makes the set empty.
func (s *FdSet) Zero() {
	*s = FdSet{}
}
