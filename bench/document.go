// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"strings"
)

// The marks between which a document has the last report, or a summary of it.
const (
	reportBegin  = "<!-- make bench BENCHREPORT= writes from here -->\n"
	summaryBegin = "<!-- make bench BENCHREPORT= sums up from here -->\n"
	reportEnd    = "<!-- to here -->\n"
)

// A section is what a document gets behind a mark.
type section struct{ begin, text string }

// checkDocuments tells whether each of the documents has a place for a report.
func checkDocuments(paths []string) error {
	for _, path := range paths {
		if _, err := fillDocument(path, []section{{reportBegin, ""}, {summaryBegin, ""}}); err != nil {
			return err
		}
	}
	return nil
}

// writeDocuments replaces what the documents have of the sections.
func writeDocuments(paths []string, sections []section) error {
	for _, path := range paths {
		text, err := fillDocument(path, sections)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// fillDocument returns a document with the sections that it has a place for, at
// least one.
func fillDocument(path string, sections []section) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text, filled := string(data), false
	for _, s := range sections {
		before, rest, ok1 := strings.Cut(text, s.begin)
		_, after, ok2 := strings.Cut(rest, reportEnd)
		if ok1 && ok2 {
			text = before + s.begin + s.text + reportEnd + after
			filled = true
		}
	}
	if !filled {
		return "", fmt.Errorf("%s has no place for a report: %q or %q, then %q", path,
			strings.TrimSpace(reportBegin), strings.TrimSpace(summaryBegin), strings.TrimSpace(reportEnd))
	}
	return text, nil
}
