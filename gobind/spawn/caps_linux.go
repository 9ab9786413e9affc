// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import "example.com/syshim/gobind/sys"

const (
	// capSure is the last capability that every kernel has that spawn runs on.
	capSure = sys.CAP_AUDIT_READ
	nrCaps  = 64
)

// addIdentity lets what needs rights come before the change of the user that
// takes them.
func (b *build) addIdentity() {
	if b.Caps != nil {
		b.addBounding(b.Caps.Bounding)
	}
	if b.Caps != nil && b.UID != nil || len(b.ambient) > 0 {
		b.add(sys.SYS_PRCTL, 0, sys.PR_SET_KEEPCAPS, 1)
	}
	if b.Groups != nil {
		b.add(sys.SYS_SETGROUPS, 0, uint64(len(b.Groups)), putAll(b.arena, b.Groups))
	}
	if b.GID != nil {
		gid := uint64(*b.GID)
		b.add(sys.SYS_SETRESGID, 0, gid, gid, gid)
	}
	if b.UID != nil {
		uid := uint64(*b.UID)
		b.add(sys.SYS_SETRESUID, 0, uid, uid, uid)
	}
	if b.Caps != nil {
		b.addCaps(*b.Caps)
		b.add(sys.SYS_PRCTL, 0, sys.PR_CAP_AMBIENT, sys.PR_CAP_AMBIENT_CLEAR_ALL)
		b.addAmbient(b.Caps.Ambient)
	}
	if len(b.ambient) > 0 {
		caps := b.ambientCaps()
		b.addCaps(caps)
		b.addAmbient(caps.Ambient)
	}
}

func (b *build) addBounding(bounding uint64) {
	last := lastCap()
	for cap := uint64(0); cap <= last; cap++ {
		if bounding>>cap&1 == 0 {
			b.add(sys.SYS_PRCTL, 0, sys.PR_CAPBSET_DROP, cap)
		}
	}
}

// lastCap is the last capability that the kernel knows: it does not drop others.
func lastCap() uint64 {
	cap := uint64(capSure)
	for cap+1 < nrCaps {
		if sys.Prctl(sys.PR_CAPBSET_READ, uintptr(cap)+1, 0, 0, 0) != nil {
			break
		}
		cap++
	}
	return cap
}

func (b *build) addAmbient(ambient uint64) {
	for cap := uint64(0); cap < nrCaps; cap++ {
		if ambient>>cap&1 != 0 {
			b.add(sys.SYS_PRCTL, 0, sys.PR_CAP_AMBIENT, sys.PR_CAP_AMBIENT_RAISE, cap)
		}
	}
}

func (b *build) addCaps(c Caps) {
	header := sys.CapUserHeader{Version: sys.LINUX_CAPABILITY_VERSION_3}
	var data [2]sys.CapUserData
	for i := range data {
		shift := 32 * i
		data[i].Effective = uint32(c.Effective >> shift)
		data[i].Permitted = uint32(c.Permitted >> shift)
		data[i].Inheritable = uint32(c.Inheritable >> shift)
	}
	b.add(sys.SYS_CAPSET, 0, put(b.arena, header), putAll(b.arena, data[:]))
}

// ambientCaps is what capset is given for AmbientCaps of SysProcAttr: what the
// child has by then, and they.
func (b *build) ambientCaps() Caps {
	c := b.inherited
	if b.UID != nil && *b.UID != 0 {
		c.Effective = 0
	}
	for _, cap := range b.ambient {
		c.Ambient |= 1 << cap
	}
	c.Permitted |= c.Ambient
	c.Inheritable |= c.Ambient
	return c
}

// inheritedCaps are those that a child begins with: this thread's, or all in a
// new user namespace.
func inheritedCaps(namespaces uint64) (c Caps, err error) {
	if namespaces&sys.CLONE_NEWUSER != 0 {
		all := uint64(1)<<(lastCap()+1) - 1
		return Caps{Permitted: all, Effective: all}, nil
	}
	header := sys.CapUserHeader{Version: sys.LINUX_CAPABILITY_VERSION_3}
	var data [2]sys.CapUserData
	if err := sys.Capget(&header, &data[0]); err != nil {
		return c, &StepError{Step: "capget", Err: err}
	}
	for i, d := range data {
		shift := 32 * i
		c.Effective |= uint64(d.Effective) << shift
		c.Permitted |= uint64(d.Permitted) << shift
		c.Inheritable |= uint64(d.Inheritable) << shift
	}
	return c, nil
}
