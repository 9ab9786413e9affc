// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

const (
	failed    = 125
	signalled = 128
	// user is who the program is, in there; outside that is nobody's number.
	user       = 1000
	firstID    = 100000
	ids        = 65536
	processes  = 64
	files      = 64
	fileSize   = 16 << 20
	namespaces = sys.CLONE_NEWUSER | sys.CLONE_NEWPID | sys.CLONE_NEWNS | sys.CLONE_NEWNET |
		sys.CLONE_NEWIPC | sys.CLONE_NEWUTS | sys.CLONE_NEWCGROUP
)

var (
	// systemDirs are in the box, if the system has them.
	systemDirs = []string{"/usr", "/bin", "/lib", "/lib64"}
	// ownDirs are made for it.
	ownDirs = []string{"/proc", "/dev", "/tmp"}
)

// fail says "sandbox: pivot_root: Invalid argument", as the program in C does.
func fail(what string, err error) int {
	message := err.Error()
	var errno syscall.Errno
	if errors.As(err, &errno) {
		message = errno.Error()
		message = strings.ToUpper(message[:1]) + message[1:]
	}
	fmt.Fprintf(os.Stderr, "sandbox: %s: %s\n", what, message)
	return failed
}

func exists(path string) bool {
	return sys.Faccessat(sys.AT_FDCWD, path, sys.F_OK, 0) == nil
}

// prepare makes the places where something is mounted.
func prepare(box string) error {
	dirs := []string{""}
	for _, dir := range systemDirs {
		if exists(dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range append(dirs, ownDirs...) {
		if err := sys.Mkdir(box+dir, 0o755); err != nil && err != sys.EEXIST {
			return err
		}
	}
	fd, err := sys.Open(box+"/dev/null", sys.O_CREAT|sys.O_RDONLY|sys.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	sys.Close(fd)
	return sys.Chmod(box+"/tmp", 0o1777)
}

// locked returns what a mount of the path cannot lose in a user namespace.
func locked(path string) uintptr {
	var st sys.Statfs_t
	if sys.Statfs(path, &st) != nil {
		return 0
	}
	// They have the same values there.
	return uintptr(st.Flags) & (sys.MS_RDONLY | sys.MS_NOSUID | sys.MS_NODEV | sys.MS_NOEXEC)
}

// listMounts returns mounts whose targets begin at the box, "."; it is changed
// last.
func listMounts(box string) []spawn.Mount {
	const change = sys.MS_REMOUNT | sys.MS_BIND | sys.MS_NOSUID | sys.MS_NODEV
	var mounts []spawn.Mount
	for _, dir := range systemDirs {
		if exists(dir) {
			mounts = append(mounts,
				spawn.Mount{Source: dir, Target: dir[1:], Flags: sys.MS_BIND | sys.MS_REC},
				spawn.Mount{Target: dir[1:], Flags: change | sys.MS_RDONLY | locked(dir)})
		}
	}
	return append(mounts,
		spawn.Mount{Source: "proc", Target: "proc", FSType: "proc", Flags: sys.MS_NOSUID | sys.MS_NODEV | sys.MS_NOEXEC},
		spawn.Mount{Source: "tmp", Target: "tmp", Flags: sys.MS_BIND},
		spawn.Mount{Target: "tmp", Flags: change | locked(box)},
		spawn.Mount{Source: "/dev/null", Target: "dev/null", Flags: sys.MS_BIND},
		spawn.Mount{Target: ".", Flags: change | locked(box) | sys.MS_RDONLY})
}

// chooseUser: root has numbers to give away, so that the program's user is not
// root in there, and nobody outside. Others have only their own, by another name.
func chooseUser(a *spawn.Attr) {
	if uid := uint32(os.Geteuid()); uid != 0 {
		a.UIDs = []spawn.IDMap{{Inside: user, Outside: uid, Count: 1}}
		a.GIDs = []spawn.IDMap{{Inside: user, Outside: uint32(os.Getegid()), Count: 1}}
		return
	}
	id := uint32(user)
	a.UIDs = []spawn.IDMap{{Inside: 0, Outside: firstID, Count: ids}, {Inside: ids, Outside: 0, Count: 1}}
	a.GIDs = a.UIDs
	a.UID, a.GID, a.Groups, a.AllowSetgroups = &id, &id, []uint32{}, true
}

// attributes returns what the program becomes. Without Landlock the other locks
// have to do.
func attributes(box string) (*spawn.Attr, error) {
	a := &spawn.Attr{
		Namespaces: namespaces,
		PivotRoot:  box,
		Mounts:     listMounts(box),
		Limits: []spawn.Limit{
			{Resource: sys.RLIMIT_NPROC, Cur: processes, Max: processes},
			{Resource: sys.RLIMIT_NOFILE, Cur: files, Max: files},
			{Resource: sys.RLIMIT_FSIZE, Cur: fileSize, Max: fileSize},
			{Resource: sys.RLIMIT_CORE},
		},
		Caps:       &spawn.Caps{},
		PDeathSig:  syscall.SIGKILL,
		NoNewPrivs: true,
		Filter:     makeFilter(),
	}
	chooseUser(a)
	fd, err := makeRuleset(box)
	switch err {
	case nil:
		a.UseLandlockFD, a.LandlockFD = true, fd
	case sys.ENOSYS, sys.EOPNOTSUPP, sys.EPERM:
		fmt.Fprintln(os.Stderr, "sandbox: there is no Landlock here")
	default:
		return nil, err
	}
	return a, nil
}

// run returns the exit status, as a shell has it.
func run(box string, args []string) int {
	if err := prepare(box); err != nil {
		return fail(box, err)
	}
	a, err := attributes(box)
	if err != nil {
		return fail("landlock", err)
	}
	c := &spawn.Cmd{
		Path: args[0], Args: args, Attr: a,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = c.Run()
	var step *spawn.StepError
	var exit *spawn.ExitError
	switch {
	case errors.As(err, &step):
		return fail(step.Step, err)
	case err != nil && !errors.As(err, &exit):
		return fail("waitid", err)
	}
	if ws := c.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return signalled + int(ws.Signal())
	}
	return c.ProcessState.ExitCode()
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: sandbox DIRECTORY PROGRAM [ARGUMENT...]")
		os.Exit(failed)
	}
	os.Exit(run(os.Args[1], os.Args[2:]))
}
