// SPDX-License-Identifier: MIT

// Package leakcheck makes tests fail that leave something open. A package's
// tests call [Main] in TestMain; a single test calls [Check].
package leakcheck
