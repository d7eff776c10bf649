package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/client"
)

// table prints rows under headers, aligned.
func (a *app) table(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(a.io.Out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			row[i] = oneLine(cell)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t ")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// facts prints names and values, aligned.
func (a *app) facts(pairs ...string) error {
	w := tabwriter.NewWriter(a.io.Out, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if _, err := fmt.Fprintf(w, "%s:\t%s\n", pairs[i], oneLine(pairs[i+1])); err != nil {
			return err
		}
	}
	return w.Flush()
}

// oneLine keeps a cell from breaking the table.
func oneLine(cell string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return r
	}, cell)
}

// cellWidth is how much of a value a table shows; --json has all of it.
const cellWidth = 48

// short prints a value for a table.
func short(v client.Value) string {
	if v.IsMissing() {
		return "-"
	}
	return cut(shellText(v.Raw()), cellWidth)
}

func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:width-1]) + "…"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// when prints a time for a table.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// bytesText prints a size.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return number(n) + " B"
	}
	size, i := float64(n), -1
	for size >= unit && i < 4 {
		size /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTP"[i])
}

// count prints a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	switch {
	case strings.HasSuffix(noun, "ch"):
		noun += "es"
	case strings.HasSuffix(noun, "ry"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return number(n) + " " + noun
}
