// SPDX-License-Identifier: MIT

package row

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Serve answers the driver's lines from in on out until in ends; bench/coproc.h
// describes them.
func Serve(rows []Row, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if _, err := io.WriteString(out, answer(rows, lines.Text(), out)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// answer is what one line gets; a server's port goes to out before.
func answer(rows []Row, line string, out io.Writer) string {
	command, args, _ := strings.Cut(line, " ")
	switch command {
	case "info":
		return "compiler " + runtime.Version() + "\n"
	case "rows":
		var b strings.Builder
		for _, r := range rows {
			b.WriteString("row " + r.Name + "\n")
		}
		return b.String() + "end\n"
	case "run", "ops":
		number, name, _ := strings.Cut(args, " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n <= 0 {
			return "fail the number is missing\n"
		}
		s := Sample{Announce: func(port int) { fmt.Fprintf(out, "port %d\n", port) }}
		if command == "run" {
			s.Budget = time.Duration(n)
		} else {
			s.Ops = n
		}
		return sample(rows, name, &s)
	}
	return "fail unknown command\n"
}

// sample runs one row and says what came of it.
func sample(rows []Row, name string, s *Sample) string {
	for _, r := range rows {
		if r.Name != name {
			continue
		}
		err := held.hold(r.ParentMiB << 20)
		if err == nil {
			err = r.Run(s)
		}
		var skip *errSkip
		switch {
		case errors.As(err, &skip):
			return "skip " + oneLine(err) + "\n"
		case err != nil:
			return "fail " + oneLine(err) + "\n"
		}
		line := fmt.Sprintf("ok %d %d", s.Ops, s.Elapsed.Nanoseconds())
		if s.CPU != 0 {
			line += fmt.Sprintf(" cpu=%d", s.CPU.Nanoseconds())
		}
		return line + fmt.Sprintf(" bytes=%d allocs=%d\n", s.Bytes, s.Allocs)
	}
	return "fail no such row\n"
}

// oneLine keeps an error's text from breaking the protocol.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", " ")
}
