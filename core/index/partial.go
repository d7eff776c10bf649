package index

import "github.com/argon-lab/argon/core/bsonraw"

// implies reports whether every document that satisfies c satisfies the partial
// index's condition too. It may say no where the answer is yes.
func (c *conjunction) implies(condition *conjunction) bool {
	if !condition.complete {
		return false
	}
	for i := range condition.preds {
		if !c.impliesPredicate(&condition.preds[i]) {
			return false
		}
	}
	for _, alternatives := range condition.ors {
		if !c.impliesOne(alternatives) {
			return false
		}
	}
	return true
}

func (c *conjunction) impliesOne(alternatives []*conjunction) bool {
	for _, a := range alternatives {
		if c.implies(a) {
			return true
		}
	}
	return false
}

// impliesPredicate looks for one predicate that implies the wanted one. Two of
// them together are not looked at: they may be met by different elements.
func (c *conjunction) impliesPredicate(want *predicate) bool {
	for i := range c.preds {
		p := &c.preds[i]
		if p.path != want.path {
			continue
		}
		if p.op == want.op && p.op != "$or" && p.group == 0 && bsonraw.Identical(p.arg, want.arg) {
			return true
		}
		switch {
		case want.op == "$exists":
			if p.present() {
				return true
			}
		case want.exact == exactAlways && !p.singleOnly && !p.universal() && p.bounds.within(want.bounds):
			return true
		}
	}
	// Branches of a $or each imply it.
	for _, alternatives := range c.ors {
		if allImply(alternatives, want) {
			return true
		}
	}
	return false
}

func allImply(alternatives []*conjunction, want *predicate) bool {
	for _, a := range alternatives {
		if !a.impliesPredicate(want) {
			return false
		}
	}
	return len(alternatives) > 0
}

// universal reports whether the predicate says that no key is of some kind,
// rather than that some key is.
func (p *predicate) universal() bool {
	switch p.op {
	case "$ne", "$nin", "$not":
		return true
	}
	return false
}

// present reports whether the predicate asks for a value at its path, so that
// the path exists.
func (p *predicate) present() bool {
	return !p.missing && !p.universal() && !p.bounds.contains(nullKey) || p.op == "$exists" && !p.missing
}
