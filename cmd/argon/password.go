package main

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/errs"
)

// passwordOptions say where a password comes from. It is no argument and no flag:
// the arguments of a process can be seen by every user of the machine, and stay in
// the shell's history.
type passwordOptions struct {
	file string
}

// passwordVariable holds a password where there is nobody to ask.
const passwordVariable = "ARGON_PASSWORD"

func (o *passwordOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.file, "password-file", "", "file whose first line is the password (- is standard input); else $"+passwordVariable+", else it is asked for")
}

// read returns the password.
func (o *passwordOptions) read(a *app, prompt string) (string, error) {
	switch {
	case o.file == "-":
		data, err := io.ReadAll(a.io.In)
		if err != nil {
			return "", errs.Wrap(err, errs.FileNotFound, "cannot read the password")
		}
		return firstLine(string(data))
	case o.file != "":
		data, err := os.ReadFile(o.file)
		if err != nil {
			return "", errs.Wrap(err, errs.FileNotFound, "cannot read the password")
		}
		return firstLine(string(data))
	}
	if password, ok := os.LookupEnv(passwordVariable); ok {
		return firstLine(password)
	}
	if a.io.ReadPassword == nil {
		return "", usage("there is no terminal to ask for a password: use --password-file or $%s", passwordVariable)
	}
	first, err := a.io.ReadPassword(prompt + ": ")
	if err != nil {
		return "", err
	}
	again, err := a.io.ReadPassword("Again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", usage("the two passwords are not the same")
	}
	return firstLine(first)
}

func firstLine(text string) (string, error) {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", usage("the password is empty")
	}
	return line, nil
}
