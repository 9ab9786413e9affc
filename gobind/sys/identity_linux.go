// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

// Getpgrp does what getpgrp(2) does, by getpgid.
func Getpgrp() (pid int) {
	pid, _ = Getpgid(0)
	return pid
}

// Getresuid calls getresuid(2).
func Getresuid() (ruid, euid, suid int) {
	var r, e, s uint32
	RawGetresuid(&r, &e, &s)
	return int(r), int(e), int(s)
}

// Getresgid calls getresgid(2).
func Getresgid() (rgid, egid, sgid int) {
	var r, e, s uint32
	RawGetresgid(&r, &e, &s)
	return int(r), int(e), int(s)
}

// Getgroups calls getgroups(2).
func Getgroups() (gids []int, err error) {
	for {
		n, err := RawGetgroups(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		list := make([]uint32, n)
		n, err = RawGetgroups(list)
		if err == EINVAL {
			continue // another thread has added some
		}
		if err != nil {
			return nil, err
		}
		gids = make([]int, n)
		for i := range gids {
			gids[i] = int(list[i])
		}
		return gids, nil
	}
}

// SetfsuidRetUid calls setfsuid(2) and returns the user of before. The kernel
// tells no error: a second call with -1 says which user it is now. It acts on
// the calling thread only: needs runtime.LockOSThread.
func SetfsuidRetUid(uid int) (int, error) {
	return RawSetfsuid(uid), nil
}

// SetfsgidRetGid calls setfsgid(2) and returns the group of before; see
// [SetfsuidRetUid].
func SetfsgidRetGid(gid int) (int, error) {
	return RawSetfsgid(gid), nil
}

// Setfsuid is [SetfsuidRetUid] without the result.
func Setfsuid(uid int) error {
	RawSetfsuid(uid)
	return nil
}

// Setfsgid is [SetfsgidRetGid] without the result.
func Setfsgid(gid int) error {
	RawSetfsgid(gid)
	return nil
}

// SchedGetAttr calls sched_getattr(2).
func SchedGetAttr(pid int, flags uint) (*SchedAttr, error) {
	attr := &SchedAttr{}
	if err := RawSchedGetattr(pid, attr, flags); err != nil {
		return nil, err
	}
	return attr, nil
}
