// SPDX-License-Identifier: MIT

package gorows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"example.com/syshim/bench/internal/row"
)

// blockSize is what a read takes; each block of the file begins with its offset.
const blockSize = 4096

// testFilePath is the file that the driver hands to its co-processes, which is
// already without a name.
const testFilePath = "/proc/self/fd/3"

// openTestFile opens the file anew, for O_DIRECT belongs to an open file. It
// returns the number of blocks too.
func openTestFile(direct bool) (*os.File, uint64, error) {
	flags := os.O_RDONLY
	if direct {
		flags |= syscall.O_DIRECT
	}
	f, err := os.OpenFile(testFilePath, flags, 0)
	if direct && errors.Is(err, syscall.EINVAL) {
		return nil, 0, row.Skip("the file system refuses O_DIRECT")
	}
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && st.Size() < blockSize {
		err = errors.New("descriptor 3 is no test file")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, uint64(st.Size()) / blockSize, nil
}

// offsets yields the same random offsets for every rival (xorshift64).
type offsets struct{ x, blocks uint64 }

func newOffsets(blocks uint64) offsets {
	return offsets{88172645463325252, blocks}
}

func (o *offsets) next() int64 {
	x := o.x
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	o.x = x
	return int64((x >> 32) * o.blocks >> 32 * blockSize)
}

// alignedBlocks are buffers that O_DIRECT takes.
func alignedBlocks(n int) [][]byte {
	b := make([]byte, (n+1)*blockSize)
	skip := -uintptr(unsafe.Pointer(&b[0])) % blockSize
	blocks := make([][]byte, n)
	for i := range blocks {
		blocks[i] = b[skip:][i*blockSize : (i+1)*blockSize : (i+1)*blockSize]
	}
	return blocks
}

// checkBlock tells whether a read gave the whole block of that offset.
func checkBlock(buf []byte, n int, offset int64) error {
	if n != blockSize {
		return fmt.Errorf("short read of %d bytes at %d", n, offset)
	}
	if got := int64(binary.NativeEndian.Uint64(buf)); got != offset {
		return fmt.Errorf("the block at %d belongs at %d", offset, got)
	}
	return nil
}

// readOS reads with os.File.ReadAt from so many goroutines.
func readOS(depth int, direct bool) func(*row.Sample) error {
	return func(s *row.Sample) error {
		f, blocks, err := openTestFile(direct)
		if err != nil {
			return err
		}
		defer f.Close()
		readers := make([]osReader, depth)
		for i, buf := range alignedBlocks(depth) {
			readers[i] = osReader{f: f, buf: buf, offsets: newOffsets(blocks)}
			// Each goes its own way through the file.
			readers[i].x += uint64(i) * 0x9e3779b97f4a7c15
		}
		if depth == 1 {
			return s.Measure(readers[0].read)
		}
		crew := startCrew(readers)
		defer crew.stop()
		return s.Measure(crew.read)
	}
}

type osReader struct {
	offsets
	f   *os.File
	buf []byte
}

func (r *osReader) read(n int64) error {
	for range n {
		offset := r.next()
		k, err := r.f.ReadAt(r.buf, offset)
		if err != nil {
			return err
		}
		if err := checkBlock(r.buf, k, offset); err != nil {
			return err
		}
	}
	return nil
}

// A crew is goroutines that read; they live as long as the sample.
type crew struct {
	jobs    []chan int64
	results chan error
	done    sync.WaitGroup
}

func startCrew(readers []osReader) *crew {
	c := &crew{results: make(chan error, len(readers))}
	for i := range readers {
		jobs := make(chan int64, 1)
		c.jobs = append(c.jobs, jobs)
		c.done.Go(func() {
			for n := range jobs {
				c.results <- readers[i].read(n)
			}
		})
	}
	return c
}

// read shares n reads out evenly, and waits for them.
func (c *crew) read(n int64) error {
	size := int64(len(c.jobs))
	for i, jobs := range c.jobs {
		share := n / size
		if int64(i) < n%size {
			share++
		}
		jobs <- share
	}
	var first error
	for range c.jobs {
		if err := <-c.results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (c *crew) stop() {
	for _, jobs := range c.jobs {
		close(jobs)
	}
	c.done.Wait()
}
