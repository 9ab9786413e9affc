// SPDX-License-Identifier: MIT

// Package gobind holds the sources of this module, for cmd/sysvendor to copy.
// What programs use is in the packages below: sys and those on top of it.
package gobind

import "embed"

// Sources is the whole module as files: its packages and its licence.
//
//go:embed *
var Sources embed.FS
