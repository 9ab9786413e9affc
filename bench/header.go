// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A field is a configuration line of benchstat's format.
type field struct{ key, value string }

// readLine returns the first line of a file, "" when there is none.
func readLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// describeMachine says what the figures depend on. What is unknown is left out.
func describeMachine(f *os.File, dir string, where placement) []field {
	all := []field{
		{"goos", runtime.GOOS},
		{"goarch", runtime.GOARCH},
		{"cpu", cpuModel()},
		{"cpus", fmt.Sprint(runtime.NumCPU())},
		{"governor", readLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
		{"kernel", kernel()},
		{"mitigations", mitigations()},
		{"io_uring", ringState()},
		{"page-size", fmt.Sprint(os.Getpagesize())},
		{"go", runtime.Version()},
		{"commit", commit()},
		{"test-file", fmt.Sprintf("%d MiB on %s in %s", fileBlocks*blockSize>>20, fileSystem(f), dir)},
		{"echo", where.String()},
	}
	var known []field
	for _, f := range all {
		if f.value != "" {
			known = append(known, f)
		}
	}
	return known
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	part := ""
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name":
			return strings.TrimSpace(value)
		case "CPU implementer", "CPU part":
			part += " " + strings.TrimSpace(value)
		}
		if strings.Count(part, " ") == 2 {
			return "arm" + part
		}
	}
	return ""
}

// mitigations lists the weaknesses of the CPU that the kernel works against.
func mitigations() string {
	if line := readLine("/proc/cmdline"); strings.Contains(line, "mitigations=off") {
		return "off"
	}
	paths, _ := filepath.Glob("/sys/devices/system/cpu/vulnerabilities/*")
	var names []string
	for _, path := range paths {
		if strings.HasPrefix(readLine(path), "Mitigation") {
			names = append(names, filepath.Base(path))
		}
	}
	if len(paths) > 0 && len(names) == 0 {
		return "none needed"
	}
	return strings.Join(names, " ")
}

// commit is what was built, when the sources are a git repository.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
