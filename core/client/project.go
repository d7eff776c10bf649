package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const adminDB = "admin"

// ProjectInfo describes a project.
type ProjectInfo struct {
	Name     string    `bson:"name" json:"name"`
	Created  time.Time `bson:"created" json:"created"`
	Branches int       `bson:"branches" json:"branches"`
	LSN      int64     `bson:"lsn" json:"lsn"` // newest commit on any branch
}

// Projects are the projects of the store.
type Projects struct {
	c *Client
}

// Projects returns the projects of the store.
func (c *Client) Projects() Projects { return Projects{c} }

// Create makes a project with an empty branch main.
func (p Projects) Create(ctx context.Context, name string) (*ProjectInfo, error) {
	var reply struct{ Project ProjectInfo }
	err := p.c.run(ctx, adminDB, bson.D{{Key: "argonProjectCreate", Value: name}}, &reply)
	return &reply.Project, err
}

// List lists the projects by name.
func (p Projects) List(ctx context.Context) ([]ProjectInfo, error) {
	var reply struct{ Projects []ProjectInfo }
	err := p.c.run(ctx, adminDB, bson.D{{Key: "argonProjectList", Value: 1}}, &reply)
	return reply.Projects, err
}

// Delete deletes a project with all its branches, tags and history.
func (p Projects) Delete(ctx context.Context, name string) error {
	return p.c.run(ctx, adminDB, bson.D{{Key: "argonProjectDelete", Value: name}}, nil)
}

// Project is a project by its name; it need not be there yet.
type Project struct {
	c    *Client
	name string
}

// Project returns a project by name.
func (c *Client) Project(name string) *Project { return &Project{c, name} }

// Name returns the project's name.
func (p *Project) Name() string { return p.name }

// Branches returns the project's branches.
func (p *Project) Branches() Branches { return Branches{p} }

// Tags returns the project's tags.
func (p *Project) Tags() Tags { return Tags{p} }

// Branch returns a branch by name; it need not be there yet.
func (p *Project) Branch(name string) *Branch { return &Branch{project: p, name: name} }

// Retention returns how long the project keeps the past, "" for ever.
func (p *Project) Retention(ctx context.Context) (string, error) {
	return p.retention(ctx, bson.D{{Key: "argonRetention", Value: 1}})
}

// SetRetention sets how long the project keeps the past ("30d"), "" for ever.
func (p *Project) SetRetention(ctx context.Context, keep string) (string, error) {
	cmd := bson.D{{Key: "argonRetention", Value: 1}, {Key: "keep", Value: nil}}
	if keep != "" {
		cmd[1].Value = keep
	}
	return p.retention(ctx, cmd)
}

func (p *Project) retention(ctx context.Context, cmd bson.D) (string, error) {
	var reply struct{ Keep *string }
	if err := p.c.run(ctx, p.name, cmd, &reply); err != nil || reply.Keep == nil {
		return "", err
	}
	return *reply.Keep, nil
}

// TagInfo describes a tag.
type TagInfo struct {
	Name    string    `bson:"name" json:"name"`
	Branch  string    `bson:"branch" json:"branch"`
	LSN     int64     `bson:"lsn" json:"lsn"`
	Time    time.Time `bson:"time" json:"time"` // of the commit
	Created time.Time `bson:"created" json:"created"`
	Actor   string    `bson:"actor" json:"actor"`
}

// Tags are the tags of a project.
type Tags struct {
	p *Project
}

// Create gives a branch at a moment ("" is its head) an immutable name.
func (t Tags) Create(ctx context.Context, name, branch, at string) (*TagInfo, error) {
	cmd := newFields("argonTagCreate", name).str("branch", branch).str("at", at)
	var reply struct{ Tag TagInfo }
	err := t.p.c.run(ctx, t.p.name, cmd.doc, &reply)
	return &reply.Tag, err
}

// List lists the tags by name.
func (t Tags) List(ctx context.Context) ([]TagInfo, error) {
	var reply struct{ Tags []TagInfo }
	err := t.p.c.run(ctx, t.p.name, bson.D{{Key: "argonTagList", Value: 1}}, &reply)
	return reply.Tags, err
}

// Delete deletes a tag.
func (t Tags) Delete(ctx context.Context, name string) error {
	return t.p.c.run(ctx, t.p.name, bson.D{{Key: "argonTagDelete", Value: name}}, nil)
}
