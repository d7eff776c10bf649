package mirror

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// The kinds of settings that mirrors have.
const (
	settingKind = "mirror"      // definitions, by name
	stateKind   = "mirrorState" // how far each lane is, by name/database
)

// Definition is a mirror as it is stored: a BSON document under its name. Field
// names are FROZEN.
type Definition struct {
	Name      string    `bson:"name"`
	URI       string    `bson:"uri"` // as given, with the password
	Databases []Mapping `bson:"databases"`
	// Include and Exclude are patterns (as of path.Match) of collections, or of
	// database.collection. An empty Include is all.
	Include []string `bson:"include,omitempty"`
	Exclude []string `bson:"exclude,omitempty"`
	// OnGap says what happens once the source's log no longer reaches back:
	// "resync" (the default) or "stop".
	OnGap string `bson:"onGap,omitempty"`
	// WindowMS is the oplog window below which the status warns; 0 is an hour.
	WindowMS int64 `bson:"windowMS,omitempty"`
	// Parallel is how many ranges the first copy reads at once; 0 is 4.
	Parallel int64 `bson:"parallel,omitempty"`
	// NoSnapshot copies while the stream is buffered also where the source has
	// snapshots.
	NoSnapshot bool      `bson:"noSnapshot,omitempty"`
	Running    bool      `bson:"running"` // is to run wherever the store is hosted
	Created    time.Time `bson:"created"`
	Actor      string    `bson:"actor"`
}

// Mapping says into which branch a database goes.
type Mapping struct {
	Database string `bson:"database"`
	Project  string `bson:"project"`
	Branch   string `bson:"branch"`
}

func (m Mapping) ref() refs.Ref { return refs.Ref{Project: m.Project, Branch: m.Branch} }

func (d *Definition) encode() (bsonraw.Doc, error) {
	raw, err := bson.Marshal(d)
	if err != nil {
		return nil, errs.Wrap(err, errs.InternalError, "the definition of mirror %q", d.Name)
	}
	return bsonraw.Doc(raw), nil
}

func decodeDefinition(doc bsonraw.Doc) (*Definition, error) {
	d := &Definition{}
	if err := bson.Unmarshal(doc, d); err != nil {
		return nil, errs.Wrap(err, errs.StoreCorrupt, "the definition of a mirror does not decode")
	}
	return d, nil
}

// check completes a definition and finds what is wrong with it.
func (d *Definition) check() error {
	if err := refs.ValidBranchName(d.Name); err != nil {
		return errs.New(errs.InvalidName, "%q cannot be the name of a mirror", d.Name).
			WithRemedy("a name has letters, digits, - and _")
	}
	parsed, err := parseURI(d.URI)
	if err != nil {
		return err
	}
	if len(d.Databases) == 0 && parsed.Database != "" {
		d.Databases = []Mapping{{Database: parsed.Database}}
	}
	if len(d.Databases) == 0 {
		return errs.New(errs.MissingRequiredField, "a mirror needs at least one database").
			WithRemedy("name it in the connection string, mongodb://host/DATABASE, or with --database")
	}
	for i := range d.Databases {
		if err := d.Databases[i].complete(); err != nil {
			return err
		}
	}
	for _, pattern := range slices.Concat(d.Include, d.Exclude) {
		if _, err := path.Match(pattern, ""); err != nil {
			return errs.New(errs.BadValue, "%q is no pattern of collection names", pattern).WithRemedy(`as in "log_*"`)
		}
	}
	switch d.OnGap {
	case "":
		d.OnGap = "resync"
	case "resync", "stop":
	default:
		return errs.New(errs.BadValue, "onGap is %q", d.OnGap).WithRemedy(`it is "resync" or "stop"`)
	}
	return d.checkTwice()
}

// complete fills in the branch of a database: main of a project of its name.
func (m *Mapping) complete() error {
	if m.Database == "" || slices.Contains([]string{"admin", "config", "local"}, m.Database) {
		return errs.New(errs.InvalidNamespace, "the database %q cannot be mirrored", m.Database)
	}
	if m.Project == "" {
		m.Project = m.Database
	}
	if m.Branch == "" {
		m.Branch = refs.Main
	}
	if err := refs.ValidProjectName(m.Project); err != nil {
		return errs.Wrap(err, errs.InvalidName, "database %q", m.Database).
			WithRemedy("name the project that it goes into: --database %s=PROJECT", m.Database)
	}
	return refs.ValidBranchName(m.Branch)
}

// checkTwice fails where one database, or one branch, stands twice.
func (d *Definition) checkTwice() error {
	databases, branches := map[string]bool{}, map[string]bool{}
	for _, m := range d.Databases {
		if databases[m.Database] {
			return errs.New(errs.MirrorExists, "database %q is mapped twice", m.Database)
		}
		if branches[m.ref().String()+"/"+m.Project] {
			return errs.New(errs.MirrorExists, "two databases are mapped to branch %q of project %q", m.Branch, m.Project)
		}
		databases[m.Database], branches[m.ref().String()+"/"+m.Project] = true, true
	}
	return nil
}

// wants reports whether a collection of a database is followed.
func (d *Definition) wants(database, coll string) bool {
	if strings.HasPrefix(coll, "system.") {
		return false
	}
	return (len(d.Include) == 0 || matchAny(d.Include, database, coll)) && !matchAny(d.Exclude, database, coll)
}

func matchAny(patterns []string, database, coll string) bool {
	for _, p := range patterns {
		for _, name := range []string{coll, database + "." + coll} {
			if ok, _ := path.Match(p, name); ok {
				return true
			}
		}
	}
	return false
}

// parseURI checks a connection string. The driver's errors may quote it, so what
// they say is redacted.
func parseURI(uri string) (*connstring.ConnString, error) {
	if !strings.HasPrefix(uri, "mongodb://") && !strings.HasPrefix(uri, "mongodb+srv://") {
		return nil, errs.New(errs.BadValue, "%q is no connection string of a MongoDB", Redact(uri)).
			WithRemedy("it begins with mongodb:// or mongodb+srv://")
	}
	parsed, err := connstring.Parse(uri)
	if err != nil {
		return nil, errs.New(errs.BadValue, "the connection string %s: %s", Redact(uri), scrub(err.Error(), uri))
	}
	return parsed, nil
}

// Redact returns a connection string without its user's password, and without
// options that may hold secrets.
func Redact(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return "(not a URI)"
	}
	credentials, rest := cutCredentials(rest)
	user, _, _ := strings.Cut(credentials, ":")
	rest, options, _ := strings.Cut(rest, "?")
	out := scheme + "://"
	if user != "" {
		out += user + ":***@"
	}
	out += rest
	var kept []string
	for _, o := range strings.Split(options, "&") {
		name, _, _ := strings.Cut(o, "=")
		switch strings.ToLower(name) {
		case "", "authmechanismproperties", "tlscertificatekeyfilepassword", "sslclientcertificatekeypassword":
		default:
			kept = append(kept, o)
		}
	}
	if len(kept) > 0 {
		out += "?" + strings.Join(kept, "&")
	}
	return out
}

// cutCredentials parts user:password from the rest of a connection string.
func cutCredentials(rest string) (credentials, hosts string) {
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return rest[:at], rest[at+1:]
	}
	return "", rest
}

// scrub takes a password out of a message.
func scrub(message, uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	credentials, _ := cutCredentials(rest)
	_, password, ok := strings.Cut(credentials, ":")
	if !ok || password == "" {
		return message
	}
	message = strings.ReplaceAll(message, password, "***")
	if plain, err := url.QueryUnescape(password); err == nil && plain != "" {
		message = strings.ReplaceAll(message, plain, "***")
	}
	return message
}
