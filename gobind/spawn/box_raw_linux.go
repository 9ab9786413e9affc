// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// The steps of an Attr, for what a process may: namespaces, root, identity,
// confinement.

// put copies a value and returns its address.
func put[T any](a *arena, value T) uint64 {
	v := vector[T](a, 1)
	v[0] = value
	return address(&v[0])
}

// putAll copies values and returns the address of the first, or 0.
func putAll[T any](a *arena, values []T) uint64 {
	if len(values) == 0 {
		return 0
	}
	v := vector[T](a, len(values))
	copy(v, values)
	return address(&v[0])
}

// textOrNull is text, or 0 for what is empty.
func (a *arena) textOrNull(s string) uint64 {
	if s == "" {
		return 0
	}
	return a.text(s)
}

// addOpen opens what the next steps use, and addClose closes.
func (b *build) addOpen(dir int, path string, flags uint64) {
	b.add(sys.SYS_OPENAT, stepSave|opened<<stepRegShift, uint64(dir), b.text(path), flags|sys.O_CLOEXEC)
}

func (b *build) addWrite(text string) {
	b.add(sys.SYS_WRITE, stepArg, opened, b.text(text), uint64(len(text)))
}

func (b *build) addClose() {
	b.add(sys.SYS_CLOSE, stepArg, opened)
}

// addFile writes a file of the child's own.
func (b *build) addFile(dir int, path, text string) {
	b.addOpen(dir, path, sys.O_WRONLY)
	b.addWrite(text)
	b.addClose()
}

// addCgroup is for the child itself; where clone knows no cgroups the child
// enters one: "0" is who writes it.
func (b *build) addCgroup() {
	b.cloneFlags = b.Namespaces &^ sys.CLONE_NEWTIME
	switch {
	case !b.UseCgroupFD:
	case b.enters:
		b.addFile(b.CgroupFD, "cgroup.procs", "0")
	default:
		b.cloneFlags |= sys.CLONE_INTO_CGROUP
		b.cgroup = uint64(b.CgroupFD)
	}
}

func (b *build) addNamespaces() {
	if b.Unshare != 0 {
		b.add(sys.SYS_UNSHARE, 0, b.Unshare)
	}
	if b.Unshare&sys.CLONE_NEWUSER != 0 {
		b.addOwnMaps()
	}
	if b.Namespaces&sys.CLONE_NEWTIME != 0 {
		b.addTime()
	}
}

// addOwnMaps writes the maps of a user namespace from within.
func (b *build) addOwnMaps() {
	if len(b.GIDs) > 0 {
		if !b.AllowSetgroups {
			b.addFile(sys.AT_FDCWD, "/proc/self/setgroups", "deny")
		}
		b.addFile(sys.AT_FDCWD, "/proc/self/gid_map", mapText(b.GIDs))
	}
	if len(b.UIDs) > 0 {
		b.addFile(sys.AT_FDCWD, "/proc/self/uid_map", mapText(b.UIDs))
	}
}

// addTime makes a time namespace. unshare makes it for children only, so that
// its clocks can be set before there is a process in it; then the child enters.
func (b *build) addTime() {
	b.add(sys.SYS_UNSHARE, 0, sys.CLONE_NEWTIME)
	if b.Clocks != nil {
		b.addFile(sys.AT_FDCWD, "/proc/self/timens_offsets", b.Clocks.text())
	}
	b.addOpen(sys.AT_FDCWD, "/proc/self/ns/time_for_children", sys.O_RDONLY)
	b.add(sys.SYS_SETNS, stepArg, opened, sys.CLONE_NEWTIME)
	b.addClose()
}

// text is as the kernel reads it: "1 -10 5" for CLOCK_MONOTONIC.
func (c *Clocks) text() string {
	line := func(clock int, d time.Duration) string {
		s, ns := int64(d/time.Second), int64(d%time.Second)
		if ns < 0 {
			s, ns = s-1, ns+int64(time.Second)
		}
		return fmt.Sprintf("%d %d %d\n", clock, s, ns)
	}
	return line(sys.CLOCK_MONOTONIC, c.Monotonic) + line(sys.CLOCK_BOOTTIME, c.Boottime)
}

func (b *build) addMount(m Mount) {
	b.add(sys.SYS_MOUNT, 0, b.textOrNull(m.Source), b.textOrNull(m.Target), b.textOrNull(m.FSType),
		uint64(m.Flags), b.textOrNull(m.Data))
}

func (b *build) addRoot() {
	if b.Unshare&sys.CLONE_NEWNS != 0 || len(b.Mounts) > 0 || b.PivotRoot != "" {
		b.addMount(Mount{Source: "none", Target: "/", Flags: sys.MS_REC | sys.MS_PRIVATE})
	}
	if b.PivotRoot != "" {
		// What becomes the root must be a mount.
		root := b.text(b.PivotRoot)
		b.add(sys.SYS_MOUNT, 0, root, root, 0, sys.MS_BIND|sys.MS_REC, 0)
		b.add(sys.SYS_CHDIR, 0, root)
	}
	for _, m := range b.Mounts {
		b.addMount(m)
	}
	if b.PivotRoot != "" {
		// The old root comes to lie on the new one, and is taken away there.
		here := b.text(".")
		b.add(sys.SYS_PIVOT_ROOT, 0, here, here)
		b.add(sys.SYS_UMOUNT2, 0, here, sys.MNT_DETACH)
		b.add(sys.SYS_CHDIR, 0, b.text("/"))
	}
	if b.Chroot != "" {
		b.add(sys.SYS_CHROOT, 0, b.text(b.Chroot))
		b.add(sys.SYS_CHDIR, 0, b.text("/"))
	}
}

// addLandlock comes before the descriptor goes.
func (b *build) addLandlock() {
	if b.NoNewPrivs {
		b.add(sys.SYS_PRCTL, 0, sys.PR_SET_NO_NEW_PRIVS, 1)
	}
	if b.UseLandlockFD {
		b.add(sys.SYS_LANDLOCK_RESTRICT_SELF, 0, uint64(b.LandlockFD), 0)
	}
}

func (b *build) addFilter() {
	if len(b.Filter) > 0 {
		code := vector[sys.SockFilter](b.arena, len(b.Filter))
		copy(code, b.Filter)
		prog := sys.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
		b.add(sys.SYS_SECCOMP, 0, sys.SECCOMP_SET_MODE_FILTER, 0, put(b.arena, prog))
	}
}

// contains reports whether an address of a step is in the arena.
func (a *arena) contains(address uint64) bool {
	base := uint64(uintptr(a.base))
	return address >= base && address < base+uint64(a.used)
}

// textAt is what [arena.text] has put there.
func (a *arena) textAt(address uint64) string {
	if !a.contains(address) {
		return ""
	}
	b := unsafe.Slice((*byte)(a.base), a.used)[address-uint64(uintptr(a.base)):]
	n := 0
	for b[n] != 0 {
		n++
	}
	return string(b[:n])
}
