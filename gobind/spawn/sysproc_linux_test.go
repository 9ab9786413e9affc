// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// portrait is what a program shows of itself.
const portrait = `
grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Sig(Blk|Ign|Cgt)):' /proc/self/status
cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
for ns in user mnt net ipc uts cgroup pid; do readlink /proc/self/ns/$ns; done
read pid name state parent group session rest </proc/$$/stat
test $group = $$ && echo leads a group
test $session = $$ && echo leads a session
pwd`

// portraitOf lets a command show itself. Namespaces of its own differ in number.
func portraitOf(c command) (string, error) {
	out, err := c.Output()
	own := regexp.MustCompile(`\w+:\[\d+\]`)
	text := own.ReplaceAllStringFunc(string(out), func(ns string) string {
		name, _, _ := strings.Cut(ns, ":")
		if ours, _ := os.Readlink("/proc/self/ns/" + name); ours == ns {
			return name + " ours"
		}
		return name + " its own"
	})
	return text, err
}

// sysProcAttrs are those whose effect a program sees.
func sysProcAttrs() map[string]*syscall.SysProcAttr {
	own := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	users, groups := own(os.Geteuid()), own(os.Getegid())
	ranges := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 10}, {ContainerID: 10, HostID: 100000, Size: 65536}}
	return map[string]*syscall.SysProcAttr{
		"nothing":      {},
		"Setsid":       {Setsid: true},
		"Setpgid":      {Setpgid: true},
		"Noctty":       {Setsid: true, Noctty: true},
		"Chroot":       {Chroot: "/"},
		"Credential":   {Credential: &syscall.Credential{Uid: 1234, Gid: 1235, Groups: []uint32{7, 9}}},
		"no groups":    {Credential: &syscall.Credential{Uid: 1234, Gid: 1235}},
		"NoSetGroups":  {Credential: &syscall.Credential{Uid: 1234, Gid: 1235, NoSetGroups: true}},
		"AmbientCaps":  {AmbientCaps: []uintptr{sys.CAP_CHOWN, sys.CAP_SYS_TIME}},
		"both":         {AmbientCaps: []uintptr{sys.CAP_CHOWN, sys.CAP_SYS_TIME}, Credential: &syscall.Credential{Uid: 1234, Gid: 1235}},
		"Cloneflags":   {Cloneflags: sys.CLONE_NEWNS | sys.CLONE_NEWUTS | sys.CLONE_NEWIPC | sys.CLONE_NEWNET | sys.CLONE_NEWCGROUP},
		"Unshareflags": {Unshareflags: sys.CLONE_NEWNS | sys.CLONE_NEWUTS},
		"maps":         {Cloneflags: sys.CLONE_NEWUSER, UidMappings: users, GidMappings: groups},
		"user map":     {Cloneflags: sys.CLONE_NEWUSER | sys.CLONE_NEWPID, UidMappings: users},
		"user of maps": {Cloneflags: sys.CLONE_NEWUSER, UidMappings: users, GidMappings: groups, Credential: &syscall.Credential{}},
		"ranges":       {Cloneflags: sys.CLONE_NEWUSER, UidMappings: ranges, GidMappings: ranges, GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{Uid: 20, Gid: 30, Groups: []uint32{40}}},
		"own maps":     {Unshareflags: sys.CLONE_NEWUSER | sys.CLONE_NEWNS, UidMappings: users, GidMappings: groups},
		"caps of maps": {Cloneflags: sys.CLONE_NEWUSER, UidMappings: users, GidMappings: groups, AmbientCaps: []uintptr{sys.CAP_SYS_ADMIN}},
		"no namespace": {Cloneflags: sys.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1 << 31, Size: -1}}},
		"all users":    {Cloneflags: sys.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{Size: -1}}, GidMappings: groups},
		"all groups":   {Cloneflags: sys.CLONE_NEWUSER, UidMappings: users, GidMappings: []syscall.SysProcIDMap{{Size: -1}}},
		"no users":     {Cloneflags: sys.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{}, GidMappings: groups},
		"wrong name":   {Cloneflags: sys.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{ContainerID: -65536, HostID: os.Geteuid(), Size: 1}}},
		"wrong user":   {Cloneflags: sys.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{HostID: -65536, Size: 1}}},
	}
}

// cloneRefused is why a clone gives no namespaces of these maps here, or nil.
func cloneRefused() error {
	err := withAttr(ownUser(sys.CLONE_NEWPID), "/bin/true").Run()
	var step *spawn.StepError
	if errors.As(err, &step) && step.Step == "clone" {
		return err
	}
	return nil
}

func TestSysProcAttrDoesWhatItDoesForOSExec(t *testing.T) {
	leakcheck.Check(t)
	refused := cloneRefused()
	for name, attr := range sysProcAttrs() {
		t.Run(name, func(t *testing.T) {
			if attr.UidMappings != nil && refused != nil {
				// And os/exec would leave a pipe open.
				t.Skipf("no such namespaces here: %v", refused)
			}
			set := func(c command) command { return with(with(c, "SysProcAttr", attr), "Dir", "/") }
			got, err := portraitOf(set(spawn.Command("/bin/sh", "-c", portrait)))
			want, wantErr := portraitOf(set(exec.Command("/bin/sh", "-c", portrait)))
			var e, wantE syscall.Errno
			errors.As(err, &e)
			errors.As(wantErr, &wantE)
			if got != want || (err == nil) != (wantErr == nil) || e != wantE {
				t.Errorf("by spawn:\n%s%v\nby os/exec:\n%s%v", got, err, want, wantErr)
			}
			noChild(t)
		})
	}
}

func TestAmbientCapsOpenNoDirectoryOfAnotherUser(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o700))
	for _, c := range []command{spawn.Command("/bin/true"), exec.Command("/bin/true")} {
		c = with(with(c, "SysProcAttr", sysProcAttrs()["both"]), "Dir", dir)
		if err := c.Run(); !errors.Is(err, sys.EACCES) {
			t.Errorf("%T: error %v", c, err)
		}
	}
}

func TestPidFDIsTheChilds(t *testing.T) {
	leakcheck.Check(t)
	pidfd := -2
	c := spawn.Command("/bin/sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	check(t, c.Start())
	if pidfd == -1 {
		t.Log("this kernel has none")
		c.Kill()
	} else {
		err := sys.PidfdSendSignal(pidfd, sys.SIGKILL, nil, 0)
		if err == sys.ENOSYS || err == sys.EPERM {
			t.Logf("not to be signalled by it: %v", err)
			err = c.Kill()
		}
		check(t, err)
		check(t, sys.Close(pidfd))
	}
	if err := c.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("error %v", err)
	}
	c = spawn.Command("/nosuch")
	c.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if err := c.Start(); err == nil || pidfd != -1 {
		t.Errorf("after a start that failed: %d, %v", pidfd, err)
	}
}

func TestOneThingIsNotSetTwice(t *testing.T) {
	c := spawn.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: "/"}
	c.Attr = &spawn.Attr{PivotRoot: "/"}
	if err := c.Run(); !errors.Is(err, sys.EINVAL) {
		t.Errorf("two roots: %v", err)
	}
	c = spawn.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: sys.CLONE_FILES}
	if err := c.Run(); !errors.Is(err, sys.EINVAL) {
		t.Errorf("CLONE_FILES: %v", err)
	}
}

func TestTracerSeesTheProgramBegin(t *testing.T) {
	leakcheck.Check(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := spawn.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	err := c.Start()
	if errors.Is(err, sys.ENOSYS) || errors.Is(err, sys.EPERM) {
		t.Skipf("nothing is traced here: %v", err)
	}
	check(t, err)
	var ws sys.WaitStatus
	_, err = sys.Wait4(c.Process.Pid, &ws, 0, nil)
	if err != nil || !ws.Stopped() || ws.StopSignal() != sys.SIGTRAP {
		t.Errorf("status %#x, %v", ws, err)
	}
	check(t, syscall.PtraceDetach(c.Process.Pid))
	check(t, c.Wait())
}

// terminal opens a new one.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	check(t, sys.IoctlSetPointerInt(int(master.Fd()), sys.TIOCSPTLCK, 0))
	n, err := sys.IoctlGetUint32(int(master.Fd()), sys.TIOCGPTN)
	check(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// startInForeground is a helper that gives its terminal to other groups, of which
// each is a program's own.
func startInForeground([]string) {
	for _, set := range []func(*spawn.Cmd){
		func(c *spawn.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: 0} },
		func(c *spawn.Cmd) { c.Attr = &spawn.Attr{Foreground: true, ForegroundFD: 0} },
	} {
		c := spawn.Command("/bin/cat", "/proc/self/stat")
		set(c)
		var out strings.Builder
		c.Stdout = &out
		err := c.Start()
		there := c.SignalGroup(syscall.Signal(0))
		if err == nil {
			err = c.Wait()
		}
		s := out.String()
		f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
		const group, foreground = 2, 5
		fmt.Fprintln(os.Stderr, len(f) > 5 && f[group] == f[foreground] && f[group] != fmt.Sprint(syscall.Getpgrp()), err, there)
	}
}

func TestTerminalIsTheProgramsOwn(t *testing.T) {
	leakcheck.Check(t)
	master, slave := terminal(t)
	c := spawn.Command("/bin/sh", "-c", "echo hello >/dev/tty")
	c.ExtraFiles = []*os.File{slave}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	check(t, c.Run())
	b := make([]byte, 7)
	if _, err := io.ReadFull(master, b); err != nil || string(b) != "hello\r\n" {
		t.Errorf("the terminal got %q, %v", b, err)
	}
	needSelf(t)
	_, slave = terminal(t)
	c = helper("foreground")
	c.Stdin = slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	out, err := c.CombinedOutput()
	if string(out) != "true <nil> <nil>\ntrue <nil> <nil>\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}
