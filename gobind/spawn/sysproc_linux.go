// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"

	"example.com/syshim/gobind/sys"
)

// setSysProcAttr takes over all fields of SysProcAttr, beside Attr. Who sets one
// thing in both gets an error.
func (o *Options) setSysProcAttr(s *syscall.SysProcAttr) error {
	a := &o.Attr
	err := firstWrong([]rule{
		{s.Cloneflags&^(namespaceFlags|sys.CLONE_VM|sys.CLONE_VFORK) != 0, "SysProcAttr.Cloneflags other than namespaces"},
		{s.Chroot != "" && a.Chroot+a.PivotRoot != "", "SysProcAttr.Chroot and Attr"},
		{s.Credential != nil && (a.UID != nil || a.GID != nil || a.Groups != nil), "SysProcAttr.Credential and Attr"},
		{s.Pdeathsig != 0 && a.PDeathSig != 0, "SysProcAttr.Pdeathsig and Attr"},
		{s.UidMappings != nil && a.UIDs != nil, "SysProcAttr.UidMappings and Attr"},
		{s.GidMappings != nil && a.GIDs != nil, "SysProcAttr.GidMappings and Attr"},
		{s.AmbientCaps != nil && a.Caps != nil, "SysProcAttr.AmbientCaps and Attr"},
		{s.UseCgroupFD && a.UseCgroupFD, "SysProcAttr.UseCgroupFD and Attr"},
		{(s.Setctty || s.Noctty || s.Foreground) && (a.Setctty || a.Noctty || a.Foreground), "SysProcAttr's terminal and Attr"},
	})
	if err != nil {
		return err
	}
	o.Setsid, o.Setpgid, o.Pgid = s.Setsid, s.Setpgid || s.Foreground, s.Pgid
	a.Ptrace = a.Ptrace || s.Ptrace
	a.Namespaces |= uint64(s.Cloneflags) & namespaceFlags
	a.Unshare |= uint64(s.Unshareflags)
	a.ambient = s.AmbientCaps
	if s.Chroot != "" {
		a.Chroot = s.Chroot
	}
	if s.Pdeathsig != 0 {
		a.PDeathSig = s.Pdeathsig
	}
	if s.UseCgroupFD {
		a.UseCgroupFD, a.CgroupFD = true, s.CgroupFD
	}
	a.setTerminal(s)
	if err := a.setMaps(s); err != nil {
		return err
	}
	a.setCredential(s.Credential)
	for _, cap := range s.AmbientCaps {
		if cap >= nrCaps {
			return mistake("SysProcAttr.AmbientCaps: %d", cap)
		}
	}
	return nil
}

func (a *Attr) setTerminal(s *syscall.SysProcAttr) {
	if s.Setctty {
		a.Setctty, a.Ctty = true, s.Ctty
	}
	if s.Foreground {
		a.Foreground, a.ForegroundFD = true, s.Ctty
	}
	a.Noctty = a.Noctty || s.Noctty
}

func (a *Attr) setMaps(s *syscall.SysProcAttr) (err error) {
	if s.UidMappings != nil {
		if a.UIDs, err = mapsOf("UidMappings", s.UidMappings); err != nil {
			return err
		}
	}
	if s.GidMappings != nil {
		if a.GIDs, err = mapsOf("GidMappings", s.GidMappings); err != nil {
			return err
		}
		a.AllowSetgroups = a.AllowSetgroups || s.GidMappingsEnableSetgroups
	}
	return nil
}

func mapsOf(field string, maps []syscall.SysProcIDMap) ([]IDMap, error) {
	if len(maps) == 0 {
		return nil, mistake("SysProcAttr.%s: empty", field)
	}
	m := make([]IDMap, len(maps))
	for i, r := range maps {
		m[i] = IDMap{uint32(r.ContainerID), uint32(r.HostID), uint32(r.Size)}
		if int(m[i].Inside) != r.ContainerID || int(m[i].Outside) != r.HostID || int(m[i].Count) != r.Size {
			return nil, mistake("SysProcAttr.%s: %d %d %d", field, r.ContainerID, r.HostID, r.Size)
		}
	}
	return m, nil
}

// setCredential leaves the groups alone where package syscall does: in a user
// namespace that denies setgroups there are none to set.
func (a *Attr) setCredential(c *syscall.Credential) {
	if c == nil {
		return
	}
	a.UID, a.GID = &c.Uid, &c.Gid
	denied := len(a.GIDs) > 0 && !a.AllowSetgroups && len(c.Groups) == 0
	if !c.NoSetGroups && !denied {
		a.Groups = append([]uint32{}, c.Groups...)
	}
}
