// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

func ptr[T any](v T) *T { return &v }

// with returns a Cmd for a program that shows what it is.
func withAttr(a *spawn.Attr, name string, arg ...string) *spawn.Cmd {
	c := spawn.Command(name, arg...)
	c.Attr = a
	return c
}

// status is the lines of /proc/self/status of a program with the attributes.
func status(t *testing.T, a *spawn.Attr) map[string]string {
	t.Helper()
	out, err := withAttr(a, "/bin/cat", "/proc/self/status").Output()
	check(t, err)
	lines := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(line, ":")
		lines[name] = strings.Join(strings.Fields(value), " ")
	}
	return lines
}

func TestProgramIsWhatWasAskedFor(t *testing.T) {
	leakcheck.Check(t)
	var cpus sys.CPUSet
	check(t, sys.SchedGetaffinity(0, &cpus))
	cpu := bits.TrailingZeros64(cpus[0])
	if cpu == 64 {
		t.Skip("none of the first 64 processors")
	}
	got := status(t, &spawn.Attr{
		Umask:      ptr(0o27),
		CPUs:       []uint64{1 << cpu},
		Defaults:   1 << (sys.SIGUSR2 - 1),
		Ignore:     1<<(sys.SIGUSR1-1) | 1<<(sys.SIGHUP-1),
		NoNewPrivs: true,
	})
	for name, want := range map[string]string{
		"Umask":             "0027",
		"Cpus_allowed_list": strconv.Itoa(cpu),
		"NoNewPrivs":        "1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	ignored, err := strconv.ParseUint(got["SigIgn"], 16, 64)
	if err != nil || ignored&0x201 != 0x201 || ignored&(1<<(sys.SIGUSR2-1)) != 0 {
		t.Errorf("ignored signals %s, %v", got["SigIgn"], err)
	}
	wantOutput(t, withAttr(&spawn.Attr{Limits: []spawn.Limit{
		{Resource: sys.RLIMIT_NOFILE, Cur: 64, Max: 128},
		{Resource: sys.RLIMIT_CORE, Cur: 0, Max: 0},
	}}, "/bin/sh", "-c", "ulimit -S -n; ulimit -H -n; ulimit -H -c"), "64\n128\n0\n")
	// Who is nice may be nicer, but not less so.
	out, err := withAttr(&spawn.Attr{Nice: ptr(19)}, "/bin/cat", "/proc/self/stat").Output()
	if f := strings.Fields(string(out)); err != nil || f[18] != "19" {
		t.Errorf("nice: %q, %v", out, err)
	}
	out, err = withAttr(&spawn.Attr{Sched: &sys.SchedAttr{
		Size: sys.SCHED_ATTR_SIZE_VER0, Policy: sys.SCHED_BATCH, Nice: 19,
	}}, "/bin/cat", "/proc/self/stat").Output()
	if f := strings.Fields(string(out)); err != nil || f[40] != strconv.Itoa(sys.SCHED_BATCH) {
		t.Errorf("policy: %q, %v", out, err)
	}
	noChild(t)
}

func reportPDeathSig([]string) {
	c := new(int32)
	err := getPDeathSig(c)
	fmt.Println(*c, err)
}

// leaveAnOrphan is a helper that ends before its child.
func leaveAnOrphan([]string) {
	c := withAttr(&spawn.Attr{PDeathSig: sys.SIGKILL}, "/bin/sleep", "1000")
	c.Stdout = os.Stdout
	fmt.Println(c.Start(), c.Process.Pid)
}

func TestProgramLearnsOfTheEndOfThisOne(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	c := helper("pdeathsig")
	c.Attr = &spawn.Attr{PDeathSig: sys.SIGTERM}
	wantOutput(t, c, "15 <nil>\n")

	c = helper("orphan")
	out, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	// The orphan has the pipe, too: it ends when that does.
	b, err := io.ReadAll(out)
	if err != nil || !strings.HasPrefix(string(b), "<nil> ") {
		t.Errorf("output %q, %v", b, err)
	}
	check(t, c.Wait())
}

// startLate is a helper whose child says that it begins, and goes on when there
// is a byte at descriptor 3.
func startLate([]string) {
	text := spawn.Constant(sys.Timespec{Sec: 'b'})
	fmt.Println(spawn.StartEdited(&spawn.Options{
		Path: "/bin/echo", Args: []string{"echo", "it runs"},
		Attr: spawn.Attr{PDeathSig: sys.SIGKILL},
	}, func(steps []spawn.Step) []spawn.Step {
		return append([]spawn.Step{
			{Nr: sys.SYS_WRITE, Args: [6]uint64{1, text, 1}},
			{Nr: sys.SYS_READ, Flags: spawn.StepWait, Args: [6]uint64{3, text, 1}},
		}, steps...)
	}))
}

func TestProgramWithoutItsParentDoesNotRun(t *testing.T) {
	leakcheck.Check(t)
	needSelf(t)
	gate, open, err := os.Pipe()
	check(t, err)
	defer gate.Close()
	defer open.Close()
	c := helper("late")
	c.ExtraFiles = []*os.File{gate}
	out, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	b := make([]byte, 1)
	if _, err := io.ReadFull(out, b); err != nil || b[0] != 'b' {
		t.Fatalf("the child says %q, %v", b, err)
	}
	// The pipe stays open here, for the orphan has it, too.
	check(t, c.Process.Kill())
	_, err = c.Process.Wait()
	check(t, err)
	_, err = open.Write(b)
	check(t, err)
	if rest, err := io.ReadAll(out); len(rest) != 0 || err != nil {
		t.Errorf("output %q, %v", rest, err)
	}
	out.Close()
}

func TestProgramIsOfTheCallersThreadIfThatIsAsked(t *testing.T) {
	leakcheck.Check(t)
	here, err := os.Getwd()
	check(t, err)
	for _, attr := range []*spawn.Attr{nil, {}, {CallersThread: true}} {
		c := spawn.Command("/bin/pwd")
		c.Attr = attr
		want := "/"
		if attr != nil {
			c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: sys.SIGKILL}
			if !attr.CallersThread {
				want = here
			}
		}
		var out []byte
		done := make(chan error)
		go func() {
			// The thread ends with the goroutine, and the child before it.
			runtime.LockOSThread()
			err := sys.Unshare(sys.CLONE_FS)
			if err == nil {
				err = sys.Chdir("/")
			}
			if err == nil {
				out, err = c.Output()
			}
			done <- err
		}()
		check(t, <-done)
		if string(out) != want+"\n" {
			t.Errorf("%+v: the directory is %q, want %q", attr, out, want)
		}
	}
}

func TestChildOutlivesTheThreadThatMadeIt(t *testing.T) {
	leakcheck.Check(t)
	c := withAttr(&spawn.Attr{PDeathSig: sys.SIGKILL}, "/bin/sleep", "1000")
	done := make(chan error)
	var tid int
	go func() {
		// The thread ends with the goroutine.
		runtime.LockOSThread()
		tid = sys.Gettid()
		done <- c.Start()
	}()
	check(t, <-done)
	if tid != sys.Getpid() {
		waitUntil(t, "the thread ends", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
			return err != nil
		})
	}
	if err := c.WaitTimeout(20 * time.Millisecond); err != os.ErrDeadlineExceeded {
		t.Errorf("the child has ended with the thread: %v", err)
	}
	check(t, c.Kill())
	c.Wait()
}

func TestOpenProgramIsExecuted(t *testing.T) {
	leakcheck.Check(t)
	f, err := os.Open("/bin/echo")
	check(t, err)
	defer f.Close()
	c := &spawn.Cmd{Program: f, Args: []string{"echo", "hello"}}
	if err := c.Start(); errors.Is(err, sys.ENOSYS) {
		t.Skip(err)
	}
	check(t, c.Wait())
	for _, keep := range []bool{false, true} {
		r, w, err := os.Pipe()
		check(t, err)
		// Everything is where the program is.
		fd := int(f.Fd())
		_, pidfd, err := spawn.Start(&spawn.Options{
			UseExecFD: true, ExecFD: fd, Args: []string{"echo", "hello"}, KeepFDs: keep,
			FDs: []spawn.FD{{From: int(w.Fd()), To: 1}, {From: 0, To: fd}, {From: fd, To: fd + 20}},
		})
		w.Close()
		check(t, err)
		b, err := io.ReadAll(r)
		r.Close()
		if string(b) != "hello\n" || err != nil {
			t.Errorf("kept %v: %q, %v", keep, b, err)
		}
		if pidfd >= 0 {
			sys.Close(pidfd)
		}
		sys.Wait4(-1, nil, 0, nil)
	}
	noChild(t)
}

// needRoot skips a test of what only root may do.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can change users")
	}
}

func TestUserAndCapabilitiesAreChanged(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	const bind = 1 << sys.CAP_NET_BIND_SERVICE
	got := status(t, &spawn.Attr{
		UID: ptr(uint32(1234)), GID: ptr(uint32(1235)), Groups: []uint32{7, 8},
		Caps: &spawn.Caps{Bounding: ^uint64(0) &^ (1 << sys.CAP_SYS_ADMIN), Permitted: bind, Effective: bind, Inheritable: bind, Ambient: bind},
	})
	for name, want := range map[string]string{
		"Uid": "1234 1234 1234 1234", "Gid": "1235 1235 1235 1235", "Groups": "7 8",
		"CapEff": "0000000000000400", "CapPrm": "0000000000000400", "CapAmb": "0000000000000400",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	bounding, err := strconv.ParseUint(got["CapBnd"], 16, 64)
	if err != nil || bounding&(1<<sys.CAP_SYS_ADMIN) != 0 || bounding&bind == 0 {
		t.Errorf("bounding set %s, %v", got["CapBnd"], err)
	}
}

func TestCapabilitiesAloneCostNoCopyAndHideNothing(t *testing.T) {
	leakcheck.Check(t)
	for name, set := range map[string]func(*spawn.Attr){
		"none":    func(a *spawn.Attr) { a.Namespaces, a.UIDs, a.GIDs = 0, nil, nil },
		"clone":   func(*spawn.Attr) {},
		"unshare": func(a *spawn.Attr) { a.Namespaces, a.Unshare = 0, sys.CLONE_NEWUSER },
	} {
		a := ownUser(0)
		set(a)
		needNamespaces(t, a)
		// Without a namespace, root alone may.
		a.Caps = &spawn.Caps{Bounding: ^uint64(0)}
		if name != "none" {
			a.Caps.Bounding = 0
		}
		if spawn.Copies(a) {
			t.Errorf("%s: a copy of the memory", name)
		}
		before := dumpable(t)
		got := status(t, a)
		if after := dumpable(t); after != before {
			t.Errorf("%s: dumpable is %d, was %d", name, after, before)
		}
		const none = "0000000000000000"
		// Without a namespace root has all of them again by exec.
		if name != "none" && (got["CapEff"] != none || got["CapPrm"] != none || got["CapBnd"] != none) {
			t.Errorf("%s: effective %s, permitted %s, bounding %s", name, got["CapEff"], got["CapPrm"], got["CapBnd"])
		}
		// Becoming somebody there is another matter.
		a.UID = ptr(uint32(0))
		if spawn.Copies(a) != (name != "none") {
			t.Errorf("%s: the memory of a change of the user", name)
		}
	}
	noChild(t)
}

func TestMistakesAreTold(t *testing.T) {
	maps := []spawn.IDMap{{Count: 1}}
	for want, a := range map[string]spawn.Attr{
		"Setctty":               {Setctty: true},
		"Foreground":            {Foreground: true, ForegroundFD: -1},
		"CgroupFD":              {UseCgroupFD: true, CgroupFD: -1},
		"LandlockFD":            {UseLandlockFD: true, LandlockFD: -1},
		"Defaults":              {Defaults: 1 << (sys.SIGKILL - 1)},
		"Ignore":                {Ignore: 1, Defaults: 1},
		"PDeathSig":             {PDeathSig: 65},
		"Umask":                 {Umask: ptr(0o1000)},
		"Nice":                  {Nice: ptr(20)},
		"UID":                   {UID: ptr(^uint32(0))},
		"GID":                   {GID: ptr(^uint32(0))},
		"Groups with GIDs":      {Groups: []uint32{}, GIDs: maps, Namespaces: sys.CLONE_NEWUSER},
		"Namespaces":            {Namespaces: sys.CLONE_VM},
		"UIDs":                  {UIDs: maps},
		"GIDs":                  {GIDs: []spawn.IDMap{{}}, Namespaces: sys.CLONE_NEWUSER},
		"NewUIDMap":             {NewUIDMap: "/bin/true"},
		"NewGIDMap":             {NewGIDMap: "/bin/true"},
		"Clocks":                {Clocks: &spawn.Clocks{}},
		"PivotRoot":             {PivotRoot: "/"},
		"Mounts":                {Mounts: []spawn.Mount{{Target: "/"}}},
		"Mounts: no target":     {Mounts: []spawn.Mount{{}}, Unshare: sys.CLONE_NEWNS},
		"Filter":                {Filter: make([]sys.SockFilter, 5000)},
		"Limits: resource 16":   {Limits: []spawn.Limit{{Resource: 16}}},
		"Caps":                  {Caps: &spawn.Caps{Effective: 1}},
		`a NUL byte in "a\x00"`: {Chroot: "a\x00"},
	} {
		_, _, err := spawn.Start(&spawn.Options{Path: "/bin/true", Attr: a})
		if !errors.Is(err, sys.EINVAL) || err.Error() != "spawn: options: "+want+": invalid argument" {
			t.Errorf("%+v: %v, want %s", a, err, want)
		}
	}
	noChild(t)
}
