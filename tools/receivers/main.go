// Receivers of webhooks that others wrote, for tests: reads the body of one request from its input and writes what the
// receiver understood as JSON, a value a line; whatever it would refuse is an error.
//
//	receivers distribution    github.com/distribution/distribution: the types of its notifications, no field unknown
//	receivers docker-hub      github.com/go-playground/webhooks: its receiver of Docker Hub's webhooks
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/distribution/distribution/v3/notifications"
	"github.com/go-playground/webhooks/v6/docker"
)

func distribution(body io.Reader) ([]any, error) {
	var envelope struct {
		Events []notifications.Event `json:"events"`
	}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&envelope); err != nil {
		return nil, err
	}
	read := make([]any, 0, len(envelope.Events))
	for _, event := range envelope.Events {
		if event.Target.Digest != "" {
			if err := event.Target.Digest.Validate(); err != nil {
				return nil, err
			}
		}
		read = append(read, event)
	}
	return read, nil
}

func dockerHub(body io.Reader) ([]any, error) {
	request, err := http.NewRequest(http.MethodPost, "/", body)
	if err != nil {
		return nil, err
	}
	hook, err := docker.New()
	if err != nil {
		return nil, err
	}
	payload, err := hook.Parse(request, docker.BuildEvent)
	return []any{payload}, err
}

func run(name string) error {
	receiver, known := map[string]func(io.Reader) ([]any, error){
		"distribution": distribution,
		"docker-hub":   dockerHub,
	}[name]
	if !known {
		return errors.New("there are the receivers distribution and docker-hub")
	}
	read, err := receiver(os.Stdin)
	if err != nil {
		return err
	}
	for _, value := range read {
		if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: receivers NAME < BODY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
