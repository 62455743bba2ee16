package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what is expected of it.
const patience = 20 * time.Second

// chromium is the one browser of all tests, started when the first of them asks.
var chromium struct {
	sync.Mutex
	ctx   context.Context
	close func()
}

// launch starts the browser, with a profile that is empty and ends with it.
func launch() (context.Context, error) {
	chromium.Lock()
	defer chromium.Unlock()
	if chromium.ctx != nil {
		return chromium.ctx, nil
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromiumPath()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors, chromedp.WindowSize(1000, 800),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, end := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		end()
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	chromium.ctx = ctx
	chromium.close = func() {
		cancel()
		end()
	}
	return ctx, nil
}

func chromiumPath() string { return found("chromium", "chromium-browser", "google-chrome") }

func closeChromium() {
	chromium.Lock()
	defer chromium.Unlock()
	if chromium.close != nil {
		chromium.close()
	}
}

// browser is a window of a person who shares no cookies with anybody.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	blocked []string // what a page tried and Chromium did not let it do
	shots   int
}

// newBrowser opens a window; it is closed when the test ends, which fails if a page broke its own content security policy.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	need(t, "Chromium", chromiumPath() != "")
	root, err := launch()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(root, chromedp.WithNewBrowserContext())
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.heard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b.shot("failed")
		}
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, text := range b.blocked {
			t.Errorf("Chromium blocked what a page did: %s", text)
		}
	})
	return b
}

// heard keeps what the browser complains of.
func (b *browser) heard(event any) {
	if e, ok := event.(*log.EventEntryAdded); ok && strings.Contains(e.Entry.Text, "Content Security Policy") {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.blocked = append(b.blocked, e.Entry.URL+": "+e.Entry.Text)
	}
}

// do does what must succeed.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v at %s, which shows\n%s", err, b.url(), b.text())
	}
}

// open goes to an address, and waits until the page that it ends at is there.
func (b *browser) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// back presses the button that browsers have for it.
func (b *browser) back() {
	b.t.Helper()
	b.do(chromedp.NavigateBack())
}

// fill types a text into a field, in place of what stands there.
func (b *browser) fill(field, text string) {
	b.t.Helper()
	b.do(chromedp.Clear(chromedp.CSS(field)), chromedp.SendKeys(chromedp.CSS(field), text))
}

// click presses what the selector finds first.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses the button or link that shows exactly this text.
func (b *browser) press(text string) {
	b.t.Helper()
	path := fmt.Sprintf(`(//button[normalize-space()=%[1]q] | //a[normalize-space()=%[1]q])[1]`, text)
	b.do(chromedp.Click(chromedp.Search(path)))
}

// choose takes the option of a form that shows a text, and sends the form.
func (b *browser) choose(field, text string) {
	b.t.Helper()
	path := fmt.Sprintf(`//label[contains(., %[2]q)]//input[@name=%[1]q] | //input[@name=%[1]q and @id=//label[contains(., %[2]q)]/@for]`, field, text)
	b.do(chromedp.Click(chromedp.Search(path)))
	b.click(`form:has([name="` + field + `"]) [type=submit], form:has([name="` + field + `"]) button`)
}

// sees waits until the page, and not the one before it, shows a text.
func (b *browser) sees(text string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		page := b.text()
		if strings.Contains(page, text) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("at %s a person does not see %q but\n%s", b.url(), text, page)
		}
	}
}

// seesNoMore waits until there is a page that does not show a text.
func (b *browser) seesNoMore(text string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		page := b.text()
		if page != "" && !strings.Contains(page, text) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("at %s a person sees %q in\n%s", b.url(), text, page)
		}
	}
}

// arrives waits until the browser is at an address, whatever its query.
func (b *browser) arrives(address string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		at := b.url()
		if before, _, _ := strings.Cut(at, "?"); before == address && b.value(`document.readyState`) == "complete" {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("the browser is at %s and not at %s; it shows\n%s", at, address, b.text())
		}
	}
}

// text is what a person can read, "" while one page makes place for the next.
func (b *browser) text() string { return b.value(`document.body ? document.body.innerText : ""`) }

func (b *browser) url() string { return b.value(`location.href`) }

func (b *browser) value(expression string) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, _ := chromedp.Run(ctx, chromedp.Evaluate[string](expression)) // fails while no page is there
	return value
}

// cookies are those that the browser would send to an address, by name.
func (b *browser) cookies(address string) map[string]*network.Cookie {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	if err != nil {
		b.t.Fatal(err)
	}
	cookies := make(map[string]*network.Cookie)
	for _, cookie := range r.Cookies {
		cookies[cookie.Name] = cookie
	}
	return cookies
}

// narrow makes the window that of a telephone.
func (b *browser) narrow() {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(390, 844))
}

// fits asserts that a person need not scroll sideways.
func (b *browser) fits() {
	b.t.Helper()
	if b.value(`String(document.documentElement.scrollWidth <= window.innerWidth)`) != "true" {
		b.t.Errorf("%s is wider than the window", b.url())
	}
}

// shot keeps a picture of the whole page, if the artifacts are kept.
func (b *browser) shot(step string) {
	b.t.Helper()
	folder := os.Getenv("ROLLCALL_ARTIFACTS")
	if folder == "" {
		return
	}
	b.shots++
	folder = filepath.Join(folder, filepath.FromSlash(b.t.Name()))
	picture, err := b.picture()
	if err != nil { // Chromium waits for ever for the picture of a page that makes place for the next
		picture, err = b.picture()
	}
	if err == nil {
		err = errors.Join(os.MkdirAll(folder, 0o755),
			os.WriteFile(filepath.Join(folder, fmt.Sprintf("%02d %s.png", b.shots, step)), picture, 0o644))
	}
	if err != nil {
		b.t.Errorf("no picture of %q: %v", step, err)
	}
}

func (b *browser) picture() ([]byte, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.FullScreenshot(100))
}
