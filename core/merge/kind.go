package merge

var kindNames = [...]string{
	SamePath: "samePath", Overlap: "overlap", Mixture: "mixture", EditDelete: "editDelete",
	DeleteEdit: "deleteEdit", InsertInsert: "insertInsert", Limit: "limit",
}

// String returns the kind's name, as it stands in plans.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}
