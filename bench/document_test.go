// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAReportReplacesTheLastOne(t *testing.T) {
	for _, begin := range []string{reportBegin, summaryBegin} {
		path := writeFile(t, "README.md", "before\n"+begin+"old\n"+reportEnd+"after\n")
		for _, text := range []string{"one\n", "two\n"} {
			sections := []section{{reportBegin, text}, {summaryBegin, text}}
			if err := writeDocuments([]string{path}, sections); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			want := "before\n" + begin + text + reportEnd + "after\n"
			if string(data) != want || err != nil {
				t.Errorf("%q, %v; want %q", data, err, want)
			}
		}
	}
}

func TestADocumentMayHaveBothPlaces(t *testing.T) {
	path := writeFile(t, "x", summaryBegin+"s\n"+reportEnd+"mid\n"+reportBegin+"r\n"+reportEnd)
	err := writeDocuments([]string{path}, []section{{reportBegin, "R\n"}, {summaryBegin, "S\n"}})
	data, _ := os.ReadFile(path)
	want := summaryBegin + "S\n" + reportEnd + "mid\n" + reportBegin + "R\n" + reportEnd
	if string(data) != want || err != nil {
		t.Errorf("%q, %v; want %q", data, err, want)
	}
}

func TestADocumentWithoutAPlaceIsRefusedBeforeMeasuring(t *testing.T) {
	good := writeFile(t, "good", reportBegin+reportEnd)
	if err := checkDocuments([]string{good}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		writeFile(t, "none", "nothing"), writeFile(t, "open", reportBegin),
		filepath.Join(t.TempDir(), "missing"),
	} {
		env := map[string]string{"BENCHREPORT": good + " " + bad}
		err := drive("/nonexistent", func(key string) string { return env[key] }, nil, nil)
		if err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: error %v", bad, err)
		}
	}
	for _, short := range []string{"quick", "19s"} {
		env := map[string]string{"BENCHREPORT": good, "BENCHTIME": short}
		err := drive("/nonexistent", func(key string) string { return env[key] }, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "quick") {
			t.Errorf("a report of %s: error %v", short, err)
		}
	}
}
