// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// ownUser is a user namespace in which this user and group are 0.
func ownUser(namespaces uint64) *spawn.Attr {
	return &spawn.Attr{
		Namespaces: namespaces | sys.CLONE_NEWUSER,
		UIDs:       []spawn.IDMap{{Inside: 0, Outside: uint32(os.Geteuid()), Count: 1}},
		GIDs:       []spawn.IDMap{{Inside: 0, Outside: uint32(os.Getegid()), Count: 1}},
	}
}

// needNamespaces skips a test where nobody, or not everybody, gets such. A kernel
// without time namespaces has no file for their clocks.
func needNamespaces(t *testing.T, a *spawn.Attr) {
	t.Helper()
	err := withAttr(a, "/bin/true").Run()
	refusals := []error{sys.EPERM, sys.EACCES, sys.EINVAL, sys.ENOSPC, sys.ENOSYS}
	if a.Namespaces&sys.CLONE_NEWTIME != 0 {
		refusals = append(refusals, sys.ENOENT)
	}
	for _, e := range refusals {
		if errors.Is(err, e) {
			t.Skipf("no such namespaces here: %v", err)
		}
	}
	check(t, err)
}

func TestProgramBeginsInNamespacesOfItsOwn(t *testing.T) {
	leakcheck.Check(t)
	names := map[string]uint64{
		"user": sys.CLONE_NEWUSER, "mnt": sys.CLONE_NEWNS, "net": sys.CLONE_NEWNET, "ipc": sys.CLONE_NEWIPC,
		"uts": sys.CLONE_NEWUTS, "cgroup": sys.CLONE_NEWCGROUP, "pid": sys.CLONE_NEWPID,
	}
	var all uint64
	for _, flag := range names {
		all |= flag
	}
	for _, shared := range []bool{true, false} {
		a := ownUser(all)
		a.Copy = !shared
		needNamespaces(t, a)
		for name := range names {
			file := "/proc/self/ns/" + name
			if name == "pid" {
				file += "_for_children"
			}
			ours, err := os.Readlink(file)
			check(t, err)
			out, err := withAttr(a, "/bin/sh", "-c", `echo $$; readlink "$0" || ls /proc/self/ns >/dev/null`, file).Output()
			got := strings.Fields(string(out))
			if err != nil || len(got) == 0 || got[0] != "1" || len(got) > 1 && got[1] == ours {
				t.Errorf("%s (shared memory: %v): %q, %v; ours is %s", name, shared, out, err, ours)
			}
		}
	}
	noChild(t)
}

func TestUsersAreTheMappedOnes(t *testing.T) {
	leakcheck.Check(t)
	a := ownUser(0)
	needNamespaces(t, a)
	show := "id -u; id -g; cat /proc/self/setgroups"
	wantOutput(t, withAttr(a, "/bin/sh", "-c", show), "0\n0\ndeny\n")
	a = ownUser(0)
	a.UIDs[0].Inside, a.GIDs[0].Inside = 1000, 1001
	wantOutput(t, withAttr(a, "/bin/sh", "-c", show), "1000\n1001\ndeny\n")
	// One that is not ours.
	if os.Geteuid() != 0 {
		a = ownUser(0)
		a.UIDs[0].Outside = 0
		err := withAttr(a, "/bin/true").Run()
		if !errors.Is(err, sys.EPERM) || err.Error() != "spawn: uid_map: operation not permitted" {
			t.Errorf("another's user: %v", err)
		}
		noChild(t)
		return
	}
	a.AllowSetgroups = true
	a.UIDs = []spawn.IDMap{{Inside: 0, Outside: 100000, Count: 65536}, {Inside: 70000, Outside: 5, Count: 2}}
	a.GIDs = a.UIDs
	a.UID, a.GID, a.Groups = ptr(uint32(70001)), ptr(uint32(3)), []uint32{4, 65535}
	wantOutput(t, withAttr(a, "/bin/sh", "-c", "id -u; id -g; id -G; cat /proc/self/setgroups"), "70001\n3\n3 4 65535\nallow\n")
	noChild(t)
}

// writeMaps is a helper that does what newuidmap does.
func writeMaps(args []string) {
	text := ""
	for i := 1; i+2 < len(args); i += 3 {
		text += strings.Join(args[i:i+3], " ") + "\n"
	}
	if args[1] == "7" {
		fmt.Println("no seven")
		os.Exit(1)
	}
	if err := os.WriteFile("/proc/"+args[0]+os.Getenv("MAP_FILE"), []byte(text), 0); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestMapsAreWrittenByAProgram(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	needNamespaces(t, ownUser(0))
	t.Setenv(helperEnv, "maps")
	t.Setenv("MAP_FILE", "/uid_map")
	a := ownUser(0)
	a.GIDs, a.NewUIDMap = nil, "/proc/self/exe"
	wantOutput(t, withAttr(a, "/bin/sh", "-c", "id -u"), "0\n")
	a.UIDs[0].Inside = 7
	err := withAttr(a, "/bin/true").Run()
	if !errors.Is(err, sys.EPERM) || !strings.HasPrefix(err.Error(), "spawn: newuidmap: no seven: exit status 1") {
		t.Errorf("error %v", err)
	}
	a.NewUIDMap = "/nosuch"
	if err := withAttr(a, "/bin/true").Run(); !errors.Is(err, sys.ENOENT) {
		t.Errorf("error %v", err)
	}
	noChild(t)
}

func TestDirectoryIsAllThatRemains(t *testing.T) {
	leakcheck.Check(t)
	dir := t.TempDir()
	for _, name := range []string{"bin", "lib", "lib64", "usr", "proc", "tmp"} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	a := ownUser(sys.CLONE_NEWNS | sys.CLONE_NEWPID)
	needNamespaces(t, a)
	a.PivotRoot = dir
	var step *spawn.StepError
	err := withAttr(a, "/bin/true").Run()
	if errors.As(err, &step) && step.Step == "pivot_root" && step.Err == sys.EINVAL {
		t.Skip("this kernel keeps its first file system as the root")
	}
	if !errors.Is(err, sys.ENOENT) {
		t.Errorf("in an empty directory: %v", err)
	}
	for _, name := range []string{"bin", "lib", "lib64", "usr"} {
		if _, err := os.Stat("/" + name); err == nil {
			a.Mounts = append(a.Mounts, spawn.Mount{Source: "/" + name, Target: name, Flags: sys.MS_BIND | sys.MS_REC})
		}
	}
	a.Mounts = append(a.Mounts, spawn.Mount{Source: "none", Target: "tmp", FSType: "tmpfs", Data: "size=1m"})
	c := withAttr(a, "/bin/sh", "-c", "pwd; ls -d /*; echo x >/tmp/x && cat /tmp/x; ls /proc")
	wantOutput(t, c, "/\n/bin\n/lib\n/lib64\n/proc\n/tmp\n/usr\nx\n")
	if _, err := os.Stat(filepath.Join(dir, "tmp", "x")); err == nil {
		t.Error("the file is outside")
	}
	a.Mounts = []spawn.Mount{{Source: "none", Target: "nosuch", FSType: "tmpfs"}}
	err = withAttr(a, "/bin/true").Run()
	if err == nil || err.Error() != "spawn: mount nosuch: no such file or directory" {
		t.Errorf("error %v", err)
	}
	noChild(t)
}

// There is room for all of it, and the kernel says what it thinks of that.
func TestLongNamesAreTooLong(t *testing.T) {
	leakcheck.Check(t)
	a := ownUser(sys.CLONE_NEWNS)
	needNamespaces(t, a)
	long := strings.Repeat("/a", 50000)
	for name, set := range map[string]func(*spawn.Cmd){
		"Path":      func(c *spawn.Cmd) { c.Path, c.Args = long, nil },
		"Dir":       func(c *spawn.Cmd) { c.Dir = long },
		"Chroot":    func(c *spawn.Cmd) { c.Attr.Chroot = long },
		"PivotRoot": func(c *spawn.Cmd) { c.Attr.PivotRoot = long },
		"Mounts": func(c *spawn.Cmd) {
			c.Attr.Mounts = []spawn.Mount{{Source: long, Target: long, FSType: long, Data: long}}
		},
	} {
		attr := *a
		c := withAttr(&attr, "/bin/true")
		set(c)
		if err := c.Run(); !errors.Is(err, sys.ENAMETOOLONG) && !errors.Is(err, sys.EINVAL) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	noChild(t)
}

// clocks reads the seconds of monotonic time, of the time since boot, and of the
// file that shows that.
func clocks() (seconds [3]int64, err error) {
	for i, clock := range []int{sys.CLOCK_MONOTONIC, sys.CLOCK_BOOTTIME} {
		var now sys.Timespec
		if err := sys.ClockGettime(int32(clock), &now); err != nil {
			return seconds, err
		}
		seconds[i] = now.Sec
	}
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return seconds, err
	}
	up, _, _ := strings.Cut(string(text), ".")
	seconds[2], err = strconv.ParseInt(up, 10, 64)
	return seconds, err
}

// showClocks is a helper that writes what clocks says.
func showClocks([]string) {
	seconds, err := clocks()
	fmt.Println(seconds[0], seconds[1], seconds[2], err)
}

func TestClocksOfTheProgramAreItsOwn(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	needNamespaces(t, ownUser(sys.CLONE_NEWTIME))
	const day = 24 * time.Hour
	for _, ahead := range []*spawn.Clocks{nil, {Monotonic: day}, {Boottime: 1000*day + 1}, {Monotonic: 3 * day, Boottime: 2 * day}} {
		var offset spawn.Clocks
		if ahead != nil {
			offset = *ahead
		}
		before, err := clocks()
		check(t, err)
		c := helper("clocks")
		c.Attr = ownUser(sys.CLONE_NEWTIME)
		c.Attr.Clocks = ahead
		out, err := c.Output()
		check(t, err)
		var got [3]int64
		if n, err := fmt.Sscan(string(out), &got[0], &got[1], &got[2]); err != nil {
			t.Errorf("%+v: %d values in %q: %v", ahead, n, out, err)
			continue
		}
		for i, d := range []time.Duration{offset.Monotonic, offset.Boottime, offset.Boottime} {
			// A minute more is as good.
			if want := before[i] + int64(d/time.Second); got[i] < want || got[i] > want+60 {
				t.Errorf("%+v: clocks %d are %d, want %d", ahead, i, got, want)
			}
		}
	}
	noChild(t)
}

func TestProgramBeginsInItsCgroup(t *testing.T) {
	leakcheck.Check(t)
	own, err := os.ReadFile("/proc/self/cgroup")
	check(t, err)
	root := ""
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			root = dir
		}
	}
	path := filepath.Join(root, fmt.Sprintf("spawn-test-%d", os.Getpid()))
	if root == "" || os.Mkdir(path, 0o755) != nil {
		t.Skipf("no cgroup can be made: only root can change %q", own)
	}
	t.Cleanup(func() {
		waitUntil(t, "the cgroup goes", func() bool { return os.Remove(path) == nil })
	})
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	out, err := withAttr(&spawn.Attr{UseCgroupFD: true, CgroupFD: int(f.Fd())}, "/bin/cat", "/proc/self/cgroup").Output()
	if err != nil || !strings.Contains(string(out), "/"+filepath.Base(path)+"\n") {
		t.Errorf("cgroup %q, %v", out, err)
	}
	needSeccomp(t)
	// Where there is no clone3 the child enters it.
	err = denied(t, sys.SYS_CLONE3, sys.ENOSYS, func() error {
		var err error
		out, err = withAttr(&spawn.Attr{UseCgroupFD: true, CgroupFD: int(f.Fd())}, "/bin/cat", "/proc/self/cgroup").Output()
		return err
	})
	if err != nil || !strings.Contains(string(out), "/"+filepath.Base(path)+"\n") {
		t.Errorf("cgroup %q without clone3, %v", out, err)
	}
	noChild(t)
}
