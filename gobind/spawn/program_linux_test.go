// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// A programRow is a row of tests/spawn_program.tab.
type programRow struct {
	verb, text string
	a, b, c    int64
}

func (r programRow) number() *uint32 {
	n := uint32(r.a)
	return &n
}

func (r programRow) integer() *int {
	n := int(r.a)
	return &n
}

// setFlag is for options that are a flag, and most of them a number.
func (r programRow) setFlag(o *spawn.Options) bool {
	n := int(r.a)
	switch r.verb {
	case "fchdir":
		o.Fchdir, o.DirFD = true, n
	case "keep":
		o.KeepFDs = true
	case "setsid":
		o.Setsid = true
	case "setpgid":
		o.Setpgid, o.Pgid = true, n
	case "exec_fd":
		o.UseExecFD, o.ExecFD = true, n
	case "setctty":
		o.Setctty, o.Ctty = true, n
	case "noctty":
		o.Noctty = true
	case "foreground":
		o.Foreground, o.ForegroundFD = true, n
	case "umask":
		o.Umask = r.integer()
	case "nice":
		o.Nice = r.integer()
	case "setuid":
		o.UID = r.number()
	case "setgid":
		o.GID = r.number()
	case "setgroups":
		o.Groups = []uint32{}
	case "cgroup":
		o.UseCgroupFD, o.CgroupFD = true, n
	case "no_new_privs":
		o.NoNewPrivs = true
	case "landlock":
		o.UseLandlockFD, o.LandlockFD = true, n
	case "traceme":
		o.Ptrace = true
	default:
		return false
	}
	return true
}

func (r programRow) addToList(o *spawn.Options) bool {
	ids := spawn.IDMap{Inside: uint32(r.a), Outside: uint32(r.b), Count: uint32(r.c)}
	switch r.verb {
	case "arg":
		o.Args = append(o.Args, r.text)
	case "env":
		o.Env = append(o.Env, r.text)
	case "fd":
		o.FDs = append(o.FDs, spawn.FD{From: int(r.a), To: int(r.b)})
	case "limit":
		o.Limits = append(o.Limits, spawn.Limit{Resource: int(r.a), Cur: uint64(r.b), Max: uint64(r.c)})
	case "group":
		o.Groups = append(o.Groups, uint32(r.a))
	case "uids":
		o.UIDs = append(o.UIDs, ids)
	case "gids":
		o.GIDs = append(o.GIDs, ids)
	case "mount":
		part := strings.Split(r.text, ",")
		o.Mounts = append(o.Mounts, spawn.Mount{
			Source: part[0], Target: part[1], FSType: part[2], Data: part[3], Flags: uintptr(r.a),
		})
	case "filter":
		o.Filter = append(o.Filter, sys.SockFilter{Code: uint16(r.a), K: uint32(r.b)})
	default:
		return false
	}
	return true
}

func (r programRow) setText(o *spawn.Options) bool {
	switch r.verb {
	case "path":
		o.Path = r.text
	case "search":
		o.Search = r.text
	case "cwd":
		o.Dir = r.text
	case "chroot":
		o.Chroot = r.text
	case "pivot_root":
		o.PivotRoot = r.text
	default:
		return false
	}
	return true
}

func (r programRow) setValue(o *spawn.Options) bool {
	offset := time.Duration(r.a)*time.Second + time.Duration(r.b)
	if o.Clocks == nil && (r.verb == "monotonic" || r.verb == "boottime") {
		o.Clocks = new(spawn.Clocks)
	}
	switch r.verb {
	case "retries":
		o.Retries = int(r.a)
	case "mask":
		mask := uint64(r.a)
		o.Mask = &mask
	case "defaults":
		o.Defaults = uint64(r.a)
	case "ignore":
		o.Ignore = uint64(r.a)
	case "pdeathsig":
		o.PDeathSig = syscall.Signal(r.a)
	case "sched":
		o.Sched = &sys.SchedAttr{
			Size: sys.SCHED_ATTR_SIZE_VER0, Policy: uint32(r.a), Nice: int32(r.b), Priority: uint32(r.c),
		}
	case "cpus":
		o.CPUs = []uint64{uint64(r.a)}
	case "caps":
		o.Caps = &spawn.Caps{
			Bounding: math.MaxUint64, Permitted: uint64(r.a), Effective: uint64(r.a),
			Inheritable: uint64(r.b), Ambient: uint64(r.c),
		}
	case "drop":
		o.Caps.Bounding &^= 1 << r.a
	case "namespaces":
		o.Namespaces = uint64(r.a)
	case "unshare":
		o.Unshare = uint64(r.a)
	case "monotonic":
		o.Clocks.Monotonic = offset
	case "boottime":
		o.Clocks.Boottime = offset
	default:
		return false
	}
	return true
}

func (r programRow) setHow(how *spawn.How) bool {
	switch r.verb {
	case "unclosed":
		how.Unclosed = sys.ENOSYS
	case "spared":
		how.Spared = int(r.a)
	case "enters":
		how.Enters = true
	case "gate":
		how.Gate = [3]int{int(r.a), int(r.b), int(r.c)}
	default:
		return false
	}
	return true
}

// checkProgram compares what the options become with the rows that ask.
func checkProgram(t *testing.T, o *spawn.Options, how spawn.How, asked []programRow) {
	t.Helper()
	p, err := spawn.Dump(o, how)
	check(t, err)
	var want []string
	for _, r := range asked {
		switch r.verb {
		case "begins":
			if p.CloneFlags != uint64(r.a) || p.Cgroup != uint64(r.b) {
				t.Errorf("it begins with %#x and %d, want %#x and %d", p.CloneFlags, p.Cgroup, r.a, r.b)
			}
		case "step":
			want = append(want, r.text)
		case "end":
			if !slices.Equal(p.Steps, want) {
				t.Errorf("the steps are\n\t%s\nwant\n\t%s",
					strings.Join(p.Steps, "\n\t"), strings.Join(want, "\n\t"))
			}
		default:
			t.Errorf("there is no verb %s", r.verb)
		}
	}
}

func TestOptionsBecomeTheStepsOfTheTable(t *testing.T) {
	var cases []string
	rows := make(map[string][]programRow)
	for _, r := range spawnPrograms {
		if len(rows[r.case_]) == 0 {
			cases = append(cases, r.case_)
		}
		rows[r.case_] = append(rows[r.case_], programRow{r.verb, r.text, int64(r.a), int64(r.b), int64(r.c)})
	}
	for _, name := range cases {
		t.Run(name, func(t *testing.T) {
			o, how := &spawn.Options{Path: "/p"}, spawn.How{Spared: -1}
			var asked []programRow
			for _, r := range rows[name] {
				if !r.setFlag(o) && !r.addToList(o) && !r.setText(o) && !r.setValue(o) && !r.setHow(&how) {
					asked = append(asked, r)
				}
			}
			checkProgram(t, o, how, asked)
		})
	}
}
