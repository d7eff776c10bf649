package refs

import (
	"strings"

	"github.com/argon-lab/argon/core/errs"
)

// Ref names a branch of a project, at a moment.
type Ref struct {
	Project string
	Branch  string
	Moment  Moment
}

// The characters between the parts of a ref and of a database name. In a
// database name it is ~, since drivers of Node misread an @ behind the host of
// a connection string.
const (
	refSeparator = "@"
	dbSeparator  = "~"
)

// ParseRef reads "branch" or "branch@moment". The project is left empty.
func ParseRef(text string) (Ref, error) {
	branch, moment, pinned := strings.Cut(text, refSeparator)
	return makeRef(text, "", branch, moment, pinned)
}

// String formats branch and moment as ParseRef reads them.
func (r Ref) String() string {
	if r.Moment.IsHead() {
		return r.Branch
	}
	return r.Branch + refSeparator + r.Moment.String()
}

// ParseDBName reads a database name: "project", "project~branch" or
// "project~branch~moment". Without a branch it is the main one.
func ParseDBName(name string) (Ref, error) {
	project, rest, hasBranch := strings.Cut(name, dbSeparator)
	if err := ValidProjectName(project); err != nil {
		return Ref{}, err
	}
	if !hasBranch {
		return Ref{Project: project, Branch: Main}, nil
	}
	branch, moment, pinned := strings.Cut(rest, dbSeparator)
	return makeRef(name, project, branch, moment, pinned)
}

// FormatDBName formats the database name of a ref; the main branch at its head
// is the project's name alone.
func FormatDBName(r Ref) string {
	if r.Moment.IsHead() {
		if r.Branch == Main {
			return r.Project
		}
		return r.Project + dbSeparator + r.Branch
	}
	return r.Project + dbSeparator + r.Branch + dbSeparator + r.Moment.String()
}

func makeRef(text, project, branch, moment string, pinned bool) (Ref, error) {
	if err := ValidBranchName(branch); err != nil {
		return Ref{}, err
	}
	if pinned && moment == "" {
		return Ref{}, errs.New(errs.InvalidMoment, "%q ends where a moment must follow", text)
	}
	m, err := ParseMoment(moment)
	if err != nil {
		return Ref{}, err
	}
	return Ref{Project: project, Branch: branch, Moment: m}, nil
}
