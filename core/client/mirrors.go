package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/command"
)

// MirrorOptions define a mirror; see the command argonMirrorAdd.
type MirrorOptions = command.MirrorSpec

// MirrorDatabase says into which branch a database of the source goes.
type MirrorDatabase = command.MirrorDatabase

// MirrorInfo is what a mirror is doing.
type MirrorInfo struct {
	Name      string           `bson:"name" json:"name"`
	Source    string           `bson:"source" json:"source"` // without the password
	State     string           `bson:"state" json:"state"`
	Running   bool             `bson:"running" json:"running"`
	Synced    bool             `bson:"synced" json:"synced"`
	Include   []string         `bson:"include" json:"include,omitempty"`
	Exclude   []string         `bson:"exclude" json:"exclude,omitempty"`
	OnGap     string           `bson:"onGap" json:"onGap"`
	Created   time.Time        `bson:"created" json:"created"`
	Version   int64            `bson:"version" json:"version"`
	Gaps      int              `bson:"gaps" json:"gaps"`
	Warnings  []string         `bson:"warnings" json:"warnings"`
	Databases []MirroredStatus `bson:"databases" json:"databases"`
}

// MirroredStatus is what a mirror is doing with one database.
type MirroredStatus struct {
	Database   string       `bson:"database" json:"database"`
	Project    string       `bson:"project" json:"project"`
	Branch     string       `bson:"branch" json:"branch"`
	State      string       `bson:"state" json:"state"`
	Error      *MirrorError `bson:"error" json:"error,omitempty"`
	RetryAt    *time.Time   `bson:"retryAt" json:"retryAt,omitempty"`
	Copy       *MirrorCopy  `bson:"copy" json:"copy,omitempty"`
	Copied     *time.Time   `bson:"copied" json:"copied,omitempty"`
	Snapshot   bool         `bson:"snapshot" json:"snapshot"`
	SourceTime *time.Time   `bson:"sourceTime" json:"sourceTime,omitempty"`
	Synced     bool         `bson:"synced" json:"synced"`
	LagMS      float64      `bson:"lagMS" json:"lagMS"`
	LagP95MS   float64      `bson:"lagP95MS" json:"lagP95MS"`
	Events     int64        `bson:"events" json:"events"`
	Commits    int64        `bson:"commits" json:"commits"`
	Reread     int64        `bson:"reread" json:"reread"`
	WindowSec  *int64       `bson:"oplogWindowSeconds" json:"oplogWindowSeconds,omitempty"`
	WindowLow  bool         `bson:"oplogWindowLow" json:"oplogWindowLow"`
	Gaps       []MirrorGap  `bson:"gaps" json:"gaps"`
	// TimeSeries are collections that are not followed, since change streams do not
	// show what becomes of them.
	TimeSeries []MirrorSeries `bson:"timeSeries" json:"timeSeries"`
	Notes      []string       `bson:"notes" json:"notes"`
	Refused    []RefusedDoc   `bson:"refused" json:"refused"`
	Refusals   int64          `bson:"refusals" json:"refusals"`
}

// MirrorError is why a mirror failed, or waits.
type MirrorError struct {
	Code     int32  `bson:"code" json:"code"`
	CodeName string `bson:"codeName" json:"codeName"`
	Message  string `bson:"errmsg" json:"message"`
	Remedy   string `bson:"remedy" json:"remedy,omitempty"`
}

// MirrorCopy is how far a first copy is.
type MirrorCopy struct {
	Documents      int64   `bson:"documents" json:"documents"`
	TotalDocuments int64   `bson:"totalDocuments" json:"totalDocuments"`
	Bytes          int64   `bson:"bytes" json:"bytes"`
	TotalBytes     int64   `bson:"totalBytes" json:"totalBytes"`
	Rate           float64 `bson:"documentsPerSecond" json:"documentsPerSecond"`
	LeftMS         int64   `bson:"leftMS" json:"leftMS"`
}

// MirrorGap is a stretch of the source's history that was lost.
type MirrorGap struct {
	From   time.Time `bson:"from" json:"from"`
	To     time.Time `bson:"to" json:"to"`
	Found  time.Time `bson:"found" json:"found"`
	Reason string    `bson:"reason" json:"reason"`
	LSN    int64     `bson:"lsn" json:"lsn"`
	Docs   int64     `bson:"docs" json:"docs"`
	Synced bool      `bson:"synced" json:"synced"`
}

// MirrorSeries is a time series as it was read, by the first copy or by a re-sync.
type MirrorSeries struct {
	Collection string    `bson:"collection" json:"collection"`
	Read       time.Time `bson:"read" json:"read"`
	Documents  int64     `bson:"documents" json:"documents"`
}

// RefusedDoc is a document of the source that cannot be held.
type RefusedDoc struct {
	Collection string `bson:"collection" json:"collection"`
	ID         Value  `bson:"_id" json:"_id"`
	Why        string `bson:"why" json:"why"`
}

// MirrorReport is what a verify found.
type MirrorReport struct {
	Name        string             `bson:"name" json:"name"`
	Clean       bool               `bson:"clean" json:"clean"`
	Differing   int64              `bson:"differing" json:"differing"`
	Documents   []MirrorDifference `bson:"documents" json:"documents"`
	Databases   []VerifiedDatabase `bson:"databases" json:"databases"`
	Collections []VerifiedColl     `bson:"collections" json:"collections"`
	Notes       []string           `bson:"notes" json:"notes"`
	ElapsedMS   int64              `bson:"elapsedMS" json:"elapsedMS"`
}

// MirrorDifference is a document that is missing here, extra here, or different.
type MirrorDifference struct {
	Database   string `bson:"database" json:"database"`
	Collection string `bson:"collection" json:"collection"`
	ID         Value  `bson:"_id" json:"_id"`
	Kind       string `bson:"kind" json:"kind"`
}

// VerifiedDatabase says at which moments a database was compared, in order: a
// comparison that takes longer than the source keeps a moment has several.
type VerifiedDatabase struct {
	Database string           `bson:"database" json:"database"`
	Moments  []VerifiedMoment `bson:"moments" json:"moments"`
}

// VerifiedMoment is a moment of the source, and the commit that was compared
// with it.
type VerifiedMoment struct {
	ClusterTime bson.Timestamp `bson:"clusterTime" json:"clusterTime"`
	Time        time.Time      `bson:"time" json:"time"`
	LSN         int64          `bson:"lsn" json:"lsn"`
	Ranges      int            `bson:"ranges" json:"ranges"`
}

// VerifiedColl is a collection as compared; Hash is of the hashes of the source's
// ranges.
type VerifiedColl struct {
	Database   string          `bson:"database" json:"database"`
	Collection string          `bson:"collection" json:"collection"`
	Documents  int64           `bson:"documents" json:"documents"`
	Differing  int64           `bson:"differing" json:"differing"`
	Hash       string          `bson:"hash" json:"hash"`
	Ranges     []VerifiedRange `bson:"ranges" json:"ranges"`
	Compared   int             `bson:"rangesCompared" json:"rangesCompared"`
}

// VerifiedRange is a range of _ids whose hashes differ.
type VerifiedRange struct {
	From   Value  `bson:"from" json:"from"`
	To     Value  `bson:"to" json:"to"`
	Source string `bson:"source" json:"source"`
	Mirror string `bson:"mirror" json:"mirror"`
	// ClusterTime is the moment at which they differ.
	ClusterTime bson.Timestamp `bson:"clusterTime" json:"clusterTime"`
}

// Mirrors are the mirrors of the store.
type Mirrors struct {
	c *Client
}

// Mirrors returns the mirrors of the store.
func (c *Client) Mirrors() Mirrors { return Mirrors{c} }

// Add defines a mirror of a live MongoDB; Start runs it.
func (m Mirrors) Add(ctx context.Context, o *MirrorOptions) (*MirrorInfo, error) {
	cmd := newFields("argonMirrorAdd", o.Name).set("source", o.Source)
	if len(o.Databases) > 0 {
		list := bson.A{}
		for _, d := range o.Databases {
			list = append(list, newFields("database", d.Database).str("project", d.Project).str("branch", d.Branch).doc)
		}
		cmd.set("databases", list)
	}
	for name, list := range map[string][]string{"include": o.Include, "exclude": o.Exclude} {
		if len(list) > 0 {
			cmd.set(name, list)
		}
	}
	if o.Window > 0 {
		cmd.set("window", command.FormatDuration(o.Window))
	}
	cmd.str("onGap", o.OnGap).num("parallel", o.Parallel).flag("noSnapshot", o.NoSnapshot).flag("adopt", o.Adopt)
	return m.one(ctx, cmd.doc)
}

func (m Mirrors) one(ctx context.Context, cmd bson.D) (*MirrorInfo, error) {
	var reply struct{ Mirror MirrorInfo }
	err := m.c.run(ctx, adminDB, cmd, &reply)
	return &reply.Mirror, err
}

// Remove stops a mirror and forgets it. Its branches stay, and take writes again.
func (m Mirrors) Remove(ctx context.Context, name string) error {
	return m.c.run(ctx, adminDB, bson.D{{Key: "argonMirrorRemove", Value: name}}, nil)
}

// List lists the mirrors by name.
func (m Mirrors) List(ctx context.Context) ([]MirrorInfo, error) {
	var reply struct{ Mirrors []MirrorInfo }
	err := m.c.run(ctx, adminDB, bson.D{{Key: "argonMirrorList", Value: 1}}, &reply)
	return reply.Mirrors, err
}

// Start has a mirror run in the process that hosts the store; with resync it
// first compares everything with the source.
func (m Mirrors) Start(ctx context.Context, name string, resync bool) (*MirrorInfo, error) {
	return m.one(ctx, newFields("argonMirrorStart", name).flag("resync", resync).doc)
}

// Resume starts the mirrors that are to run wherever the store is hosted, as a
// process does that hosts it for long.
func (m Mirrors) Resume(ctx context.Context) error {
	list, err := m.List(ctx)
	if err != nil {
		return err
	}
	for _, each := range list {
		if !each.Running || each.State != "stopped" {
			continue
		}
		if _, err := m.Start(ctx, each.Name, false); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops a mirror.
func (m Mirrors) Stop(ctx context.Context, name string) (*MirrorInfo, error) {
	return m.one(ctx, bson.D{{Key: "argonMirrorStop", Value: name}})
}

// Status says what a mirror is doing.
func (m Mirrors) Status(ctx context.Context, name string) (*MirrorInfo, error) {
	return m.one(ctx, bson.D{{Key: "argonMirrorStatus", Value: name}})
}

// WaitSynced waits until a mirror has what its source has now.
func (m Mirrors) WaitSynced(ctx context.Context, name string) (*MirrorInfo, error) {
	return m.one(ctx, bson.D{{Key: "argonMirrorStatus", Value: name}, {Key: "synced", Value: true}})
}

// WaitChange waits until the status differs from the one with this version.
func (m Mirrors) WaitChange(ctx context.Context, name string, version int64) (*MirrorInfo, error) {
	return m.one(ctx, bson.D{{Key: "argonMirrorStatus", Value: name}, {Key: "after", Value: version}})
}

// Verify compares a mirror with its source at one cluster time; limit is how many
// differing documents are named, 0 the default.
func (m Mirrors) Verify(ctx context.Context, name string, limit int64) (*MirrorReport, error) {
	var reply struct{ Verify MirrorReport }
	err := m.c.run(ctx, adminDB, newFields("argonMirrorVerify", name).num("limit", limit).doc, &reply)
	return &reply.Verify, err
}

// Role returns the command of mongosh that makes the least privileged role which
// a mirror, or one of these databases, needs at its source.
func (m Mirrors) Role(ctx context.Context, name string, databases ...string) (string, error) {
	var reply struct{ Role string }
	cmd := newFields("argonMirrorRole", name)
	if len(databases) > 0 {
		cmd.set("databases", databases)
	}
	err := m.c.run(ctx, adminDB, cmd.doc, &reply)
	return reply.Role, err
}

// HostsStore reports whether this client has the store open itself, so that what
// runs in the background ends with it.
func (c *Client) HostsStore() bool { return c.backend.Hosting() }
