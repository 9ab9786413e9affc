// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"example.com/syshim/gobind/sys"
)

// The users and groups of a child's user namespace, which the kernel takes from
// outside, or from inside when there is only one. Who may not write them has
// programs that may: newuidmap(1).

// mapTextSize is the most that mapText makes of one range.
const mapTextSize = 3 * len("4294967295 ")

// mapText is maps as the kernel reads them.
func mapText(maps []IDMap) string {
	var s strings.Builder
	for _, m := range maps {
		fmt.Fprintf(&s, "%d %d %d\n", m.Inside, m.Outside, m.Count)
	}
	return s.String()
}

// writesMaps reports whether this program writes the maps.
func (l *plan) writesMaps() bool {
	return l.Namespaces&sys.CLONE_NEWUSER != 0 && len(l.UIDs)+len(l.GIDs) > 0
}

// attend does what the child waits for, and lets it go on. After an error it
// still waits.
func (l *plan) attend(p *program, c child) error {
	if !l.waits() {
		return nil
	}
	if l.writesMaps() {
		if err := l.writeMaps(c.pid); err != nil {
			return err
		}
	}
	if l.unclosed != 0 && !l.KeepFDs && p.fill(c.pid) != nil {
		return &StepError{Step: "close_range", Err: l.unclosed}
	}
	if err := l.gate.pass(); err != nil {
		return &StepError{Step: "write", Err: err}
	}
	return nil
}

// dismiss ends a child that still waits, without killing it, which may be
// forbidden: it goes on with no steps. It returns err.
func (l *plan) dismiss(p *program, c child, err error) error {
	p.nrSteps = 0
	l.gate.pass()
	c.kill()
	c.discard()
	return err
}

// writeMaps writes users, the denial of groups, without which not everybody may
// map those, and groups.
func (l *plan) writeMaps(pid int) error {
	if len(l.UIDs) > 0 {
		if err := writeMap("uid", l.NewUIDMap, l.UIDs, pid); err != nil {
			return err
		}
	}
	if len(l.GIDs) == 0 {
		return nil
	}
	if !l.AllowSetgroups {
		if err := writeOf(pid, "setgroups", "deny"); err != nil {
			return &StepError{Step: "deny setgroups", Err: err}
		}
	}
	return writeMap("gid", l.NewGIDMap, l.GIDs, pid)
}

// writeMap writes one map, or lets a program do that.
func writeMap(what, program string, maps []IDMap, pid int) error {
	if program == "" {
		if err := writeOf(pid, what+"_map", mapText(maps)); err != nil {
			return &StepError{Step: what + "_map", Err: err}
		}
		return nil
	}
	args := []string{program, strconv.Itoa(pid)}
	for _, m := range maps {
		args = append(args, fmt.Sprint(m.Inside), fmt.Sprint(m.Outside), fmt.Sprint(m.Count))
	}
	c := &Cmd{Path: program, Args: args}
	said, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	if c.Process != nil && c.Process.Pid > 0 && c.ProcessState == nil {
		// Nobody could wait for it; there it is.
		err = child{c.Process.Pid, -1}.abandon(nil, err)
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		// It has said why.
		err = fmt.Errorf("%s: %v: %w", strings.TrimSpace(string(said)), err, sys.EPERM)
	}
	return &StepError{Step: "new" + what + "map", Err: err}
}

// writeOf writes a file of the child in one call, which the kernel wants. The
// error is a bare one.
func writeOf(pid int, name, text string) error {
	fd, err := sys.Open("/proc/"+strconv.Itoa(pid)+"/"+name, sys.O_WRONLY|sys.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	n, err := sys.Write(fd, []byte(text))
	if err == nil && n != len(text) {
		err = os.ErrInvalid
	}
	return err
}
