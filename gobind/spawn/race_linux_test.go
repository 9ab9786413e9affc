// SPDX-License-Identifier: MIT

//go:build linux && race

package spawn_test

const raceEnabled = true
