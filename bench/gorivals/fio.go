// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/uring"
)

// testFilePath is the file that the driver hands to its co-processes.
const testFilePath = "/proc/self/fd/3"

// fioReport is what is read of fio's answer.
type fioReport struct {
	Jobs []struct {
		Error int
		Read  struct {
			TotalIOs int64 `json:"total_ios"`
			// Runtime is in milliseconds.
			Runtime int64
		}
	}
}

// readFio lets fio read, by its io_uring engine, as the other rows do: random
// blocks, as many new ones submitted at once as have ended.
func readFio(depth int, direct, fixed bool) func(*row.Sample) error {
	return func(s *row.Sample) error {
		fio, err := exec.LookPath("fio")
		if err != nil {
			return row.Skip("fio is not installed")
		}
		ring, err := uring.New(1)
		if err != nil {
			return row.Unavailable("fio's io_uring", err)
		}
		ring.Close()
		n := strconv.Itoa(depth)
		args := []string{
			"--name=row", "--thread", "--readonly", "--rw=randread", "--bs=4k",
			"--ioengine=io_uring", "--norandommap",
			"--invalidate=0", "--gtod_reduce=1", "--output-format=json",
			fmt.Sprintf("--filename=/proc/%d/fd/3", os.Getpid()),
			"--iodepth=" + n, "--iodepth_batch_submit=" + n,
			"--iodepth_batch_complete_min=1", "--iodepth_batch_complete_max=" + n,
		}
		if direct {
			f, err := os.OpenFile(testFilePath, os.O_RDONLY|syscall.O_DIRECT, 0)
			if err != nil {
				return row.Skip("the file system refuses O_DIRECT")
			}
			f.Close()
			args = append(args, "--direct=1")
		}
		if fixed {
			args = append(args, "--fixedbufs", "--registerfiles")
		}
		if s.Budget > 0 {
			ms := max(s.Budget.Milliseconds(), 1)
			args = append(args, "--time_based", fmt.Sprintf("--runtime=%dms", ms))
		} else {
			args = append(args, fmt.Sprintf("--number_ios=%d", s.Ops))
		}
		out, err := exec.Command(fio, args...).Output()
		if err != nil {
			return fmt.Errorf("fio: %w", err)
		}
		return takeFio(s, out)
	}
}

// takeFio reads what fio has counted.
func takeFio(s *row.Sample, out []byte) error {
	var report fioReport
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("fio's answer: %w", err)
	}
	if len(report.Jobs) != 1 || report.Jobs[0].Error != 0 || report.Jobs[0].Read.TotalIOs == 0 {
		return fmt.Errorf("fio read nothing: %s", out)
	}
	read := report.Jobs[0].Read
	s.Ops = read.TotalIOs
	s.Elapsed = time.Duration(max(read.Runtime, 1)) * time.Millisecond
	return nil
}
