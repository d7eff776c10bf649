package refs

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/errs"
)

// MaxName is the longest name of a project, branch or tag, in bytes.
const MaxName = 64

// Main is the branch that every project begins with.
const Main = "main"

// forbidden are the characters with a meaning in refs, database names, paths,
// globs or connection strings.
const forbidden = `@~/\.$"*<>:|?'` + "`"

// reservedProjects are MongoDB's own databases.
var reservedProjects = map[string]bool{"admin": true, "local": true, "config": true}

// ValidName checks the name of a branch. kind ("branch") is for the error.
func ValidName(kind, name string) error {
	switch {
	case name == "":
		return errs.New(errs.InvalidName, "a %s needs a name, got an empty one", kind)
	case len(name) > MaxName:
		return errs.New(errs.InvalidName, "%s name %q has %d bytes, at most %d are allowed", kind, name, len(name), MaxName)
	case !utf8.ValidString(name):
		return errs.New(errs.InvalidName, "%s name %q is not UTF-8", kind, name)
	case name[0] == '-':
		return errs.New(errs.InvalidName, "%s name %q begins with '-'", kind, name)
	case strings.EqualFold(name, "head"):
		return errs.New(errs.InvalidName, "%s name %q is reserved: it means a branch's newest commit", kind, name)
	}
	for _, r := range name {
		if strings.ContainsRune(forbidden, r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return errs.New(errs.InvalidName, "%s name %q contains %q", kind, name, r).
				WithRemedy("use letters, digits, '-' and '_'")
		}
	}
	return nil
}

// ValidProjectName checks the name of a project.
func ValidProjectName(name string) error {
	if reservedProjects[name] {
		return errs.New(errs.InvalidName, "project name %q is reserved for MongoDB's own database", name)
	}
	return ValidName("project", name)
}

// ValidBranchName checks the name of a branch.
func ValidBranchName(name string) error { return ValidName("branch", name) }

// ValidTagName checks the name of a tag, which must not read as another kind
// of moment.
func ValidTagName(name string) error {
	if err := ValidName("tag", name); err != nil {
		return err
	}
	if m, err := ParseMoment(name); err != nil || m.Kind != Tag {
		return errs.New(errs.InvalidName, "tag name %q would read as an LSN or a time", name).
			WithRemedy("begin it with a letter, as in \"v%s\"", name)
	}
	return nil
}

// Nearest returns the candidates that look most like name, best first, at most
// three: what a person may have meant.
func Nearest(name string, candidates []string) []string {
	type scored struct {
		name     string
		distance int
	}
	limit := max(2, len(name)/3)
	var near []scored
	for _, c := range candidates {
		d := editDistance(strings.ToLower(name), strings.ToLower(c))
		if d <= limit || len(name) > 1 && strings.HasPrefix(strings.ToLower(c), strings.ToLower(name)) {
			near = append(near, scored{c, d})
		}
	}
	sort.Slice(near, func(i, j int) bool {
		if near[i].distance != near[j].distance {
			return near[i].distance < near[j].distance
		}
		return near[i].name < near[j].name
	})
	var names []string
	for _, s := range near[:min(3, len(near))] {
		names = append(names, s.name)
	}
	return names
}

// editDistance counts the characters to insert, delete, replace or swap with
// their neighbour.
func editDistance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	rows := [3][]int{}
	for i := range rows {
		rows[i] = make([]int, len(rb)+1)
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		row[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(rb)]
}
