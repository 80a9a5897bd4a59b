// A cloud for a test run: `kowloon up` as a process of its own, in a home of its own, on a free port.
package networks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const startLimit = 60 * time.Second

// Kowloon is a running cloud. Endpoint is host:port; the key is that of its administrator.
type Kowloon struct {
	Endpoint        string `json:"-"`
	AccountID       string `json:"account_id"`
	AccessKeyID     string `json:"access_key_id"`
	AccessKeySecret string `json:"access_key_secret"`
	AdminToken      string `json:"admin_token"`
	home            string
	process         *exec.Cmd
	ended           chan error
}

// StartKowloon returns when the cloud answers.
func StartKowloon(options ...string) (*Kowloon, error) {
	home, err := os.MkdirTemp("", "kowloon-")
	if err != nil {
		return nil, err
	}
	arguments := append([]string{"up", "--engine", "paper", "--port", "0", "--quiet"}, options...)
	cloud := &Kowloon{home: home, process: exec.Command("kowloon", arguments...), ended: make(chan error, 1)}
	cloud.process.Env = append(os.Environ(), "KOWLOON_HOME="+home)
	cloud.process.Stderr = os.Stderr
	if err := cloud.process.Start(); err != nil {
		os.RemoveAll(home)
		return nil, err
	}
	go func() { cloud.ended <- cloud.process.Wait() }()
	if err := cloud.wait(); err != nil {
		cloud.Stop()
		return nil, err
	}
	return cloud, nil
}

func (cloud *Kowloon) wait() error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-cloud.ended:
			cloud.ended <- err
			return fmt.Errorf("kowloon did not start: %v", err)
		default:
		}
		var server struct{ Endpoint string }
		if cloud.read("server.json", &server) == nil && cloud.read("credentials.json", cloud) == nil {
			cloud.Endpoint = server.Endpoint
			return nil
		}
	}
	return fmt.Errorf("kowloon did not start within %v", startLimit)
}

func (cloud *Kowloon) read(name string, into any) error {
	raw, err := os.ReadFile(filepath.Join(cloud.home, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// Admin makes an operator's own call: cloud.Admin("POST", "reset", nil).
func (cloud *Kowloon) Admin(method, path string, body any) ([]byte, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(method, "http://"+cloud.Endpoint+"/_kowloon/"+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+cloud.AdminToken)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	told, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 400 {
		err = fmt.Errorf("%s: %s", answer.Status, told)
	}
	return told, err
}

// Stop ends the cloud and forgets what it kept.
func (cloud *Kowloon) Stop() {
	_ = cloud.process.Process.Signal(syscall.SIGTERM)
	<-cloud.ended
	os.RemoveAll(cloud.home)
}
