// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a co-process may take beyond what it was asked to.
const patience = 20 * time.Second

// A coproc is a program that obeys the driver: a line in, a line out;
// bench/coproc.h describes them. It is started when it is first asked, and
// again when it has ended.
type coproc struct {
	name string
	argv []string
	// files become the descriptors from 3 on.
	files []*os.File
	// cpus are where it runs, nil for anywhere.
	cpus *unix.CPUSet

	cmd *exec.Cmd
	in  io.WriteCloser
	out *os.File
	r   *bufio.Reader
}

// start starts the program. The caller's thread must live as long as the
// driver: with it the program ends.
func (p *coproc) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.ExtraFiles = p.files
	in, err := cmd.StdinPipe()
	if err == nil {
		err = onCPUs(p.cpus, cmd.Start)
	}
	if err != nil {
		r.Close()
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.cmd, p.in, p.out, p.r = cmd, in, r, bufio.NewReader(r)
	return nil
}

// stop ends the program, kindly or not, and says how it ended.
func (p *coproc) stop(kill bool) error {
	if p.cmd == nil {
		return nil
	}
	p.in.Close()
	if kill {
		p.cmd.Process.Kill()
	}
	end := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	end.Stop()
	p.out.Close()
	p.cmd = nil
	return err
}

// pid is the process that answered last.
func (p *coproc) pid() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// send writes a line.
func (p *coproc) send(line string) error {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return p.died(line, err)
	}
	return nil
}

// receive reads the answer to a line that was sent, and kills the program when
// none comes.
func (p *coproc) receive(sent string, within time.Duration) (string, error) {
	p.out.SetReadDeadline(time.Now().Add(within))
	line, err := p.r.ReadString('\n')
	if err != nil {
		return "", p.died(sent, err)
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// died cleans up after a program that does not answer, and says why.
func (p *coproc) died(line string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.stop(true)
		return fmt.Errorf("%s did not answer %q in time and was killed", p.name, line)
	}
	how := "with status 0"
	if err := p.stop(false); err != nil {
		how = err.Error()
	}
	return fmt.Errorf("%s ended (%s) when it was told %q", p.name, how, line)
}

// ask sends a line and returns the answer.
func (p *coproc) ask(line string, within time.Duration) (string, error) {
	if err := p.send(line); err != nil {
		return "", err
	}
	return p.receive(line, within)
}

// compiler is what the program was made by.
func (p *coproc) compiler() (string, error) {
	line, err := p.ask("info", patience)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(line, "compiler ")
	if !ok {
		return "", fmt.Errorf("%s: unexpected answer %q", p.name, line)
	}
	return text, nil
}

// rows are the names of the program's rows.
func (p *coproc) rows() ([]string, error) {
	var names []string
	line, err := p.ask("rows", patience)
	for ; err == nil; line, err = p.receive("rows", patience) {
		if line == "end" {
			return names, nil
		}
		name, ok := strings.CutPrefix(line, "row ")
		if !ok {
			return nil, fmt.Errorf("%s: unexpected answer %q", p.name, line)
		}
		names = append(names, name)
	}
	return nil, err
}

// A sample is one measurement of a row.
type sample struct {
	ops  int64
	ns   int64
	keys map[string]float64
}

// A skipped is the reason why a row cannot run here.
type skipped string

func (s skipped) Error() string { return string(s) }

// parseSample reads `ok OPS NS [KEY=N ...]`, `skip REASON` or `fail REASON`.
func parseSample(line string) (sample, error) {
	s := sample{keys: map[string]float64{}}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "skip":
		return s, skipped(rest)
	case "fail":
		return s, errors.New(rest)
	}
	fields := strings.Fields(rest)
	if word != "ok" || len(fields) < 2 {
		return s, fmt.Errorf("unexpected answer %q", line)
	}
	var err1, err2 error
	s.ops, err1 = strconv.ParseInt(fields[0], 10, 64)
	s.ns, err2 = strconv.ParseInt(fields[1], 10, 64)
	if err1 != nil || err2 != nil || s.ops <= 0 || s.ns <= 0 {
		return s, fmt.Errorf("unexpected numbers in answer %q", line)
	}
	for _, field := range fields[2:] {
		key, text, _ := strings.Cut(field, "=")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return s, fmt.Errorf("unexpected %q in answer %q", field, line)
		}
		s.keys[key] = value
	}
	return s, nil
}
