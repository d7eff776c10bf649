package columnar

// merge adds what another profile has seen behind this one.
func (p *profiler) merge(q *profiler) error {
	p.mergeObject(&p.root, &q.root)
	if p.columns > maxColumns {
		return tooManyColumns()
	}
	return nil
}

func (p *profiler) mergeObject(o, other *objectProfile) {
	for i := range other.fields {
		from := &other.fields[i]
		at := o.index.find([]byte(from.name), from.nth)
		if at < 0 {
			p.columns++
			at = o.append(from.name, from.nth)
		}
		p.mergeProfile(&o.fields[at].profile, &from.profile)
	}
}

func (p *profiler) mergeProfile(f, other *profile) {
	if f.seen&other.seen&sawBinary != 0 && f.subtype != other.subtype {
		f.seen |= sawSubtypes
	}
	if other.seen&sawBinary != 0 {
		f.subtype = other.subtype
	}
	f.seen |= other.seen
	f.scale, f.whole = max(f.scale, other.scale), max(f.whole, other.whole)
	if other.object != nil && f.seen&sawWide == 0 {
		if f.object == nil {
			f.object = &objectProfile{}
		}
		p.mergeObject(f.object, other.object)
	}
	p.narrow(f)
	if other.element != nil {
		if f.element == nil {
			f.element = &profile{}
			p.columns++
		}
		p.mergeProfile(f.element, other.element)
	}
}
