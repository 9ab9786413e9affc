// SPDX-License-Identifier: MIT

package main

import (
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
)

func TestMain(m *testing.M) {
	leakcheck.Main(m)
}
