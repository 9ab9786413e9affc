// SPDX-License-Identifier: MIT

//go:build !linux || !(amd64 || arm64)

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "pipeline: this is for Linux on amd64 and arm64")
	os.Exit(1)
}
