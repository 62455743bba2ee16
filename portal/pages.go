package portal

import "github.com/rollcall-id/rollcall/web/page"

var loginPage = page.Parse(`{{with .Notice}}<p class="notice bad" role="alert">{{.}}</p>{{end}}{{with .Done}}<p class="notice" role="status">{{.}}</p>{{end}}
{{range .Connections}}<a class="button" href="{{.URL}}">Sign in with {{.Name}}</a>
{{end}}{{if .Connections}}<h2>Or with a password</h2>{{end}}
<form method="post" action="/login">
<label for="name">Username or e-mail</label>
<input id="name" name="name" value="{{.Name}}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="return" value="{{.Return}}">
<button>Sign in</button>
</form>
{{if .SignUp}}<p><a href="/signup">Create an account</a></p>{{end}}`)

// teamChoice is the same in both places where a team is chosen.
const teamChoice = `<fieldset>
<legend>Choose your first team</legend>
{{range .Teams}}<label class="choice"><input type="radio" name="team" value="{{.ID}}"{{if eq (print .ID) (print $.Team)}} checked{{end}} required> <span>{{.DisplayName}}</span></label>
{{else}}<p>There is no team yet that you could join. Please ask your administrator.</p>
{{end}}</fieldset>`

var signUpPage = page.Parse(`{{with .Notice}}<p class="notice bad" role="alert">{{.}}</p>{{end}}
<form method="post" action="/signup">
<label for="username">Username</label>
<input id="username" name="username" value="{{.Username}}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required>
<label for="email">E-mail</label>
<input id="email" name="email" type="email" value="{{.Email}}" autocomplete="email" maxlength="128" required>
<label for="password">Password, {{.Min}} characters or more</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="{{.Min}}" required>
` + teamChoice + `
<button>Create the account</button>
</form>
<p><a href="/login">I have an account</a></p>`)

var welcomePage = page.Parse(`{{with .Notice}}<p class="notice bad" role="alert">{{.}}</p>{{end}}
<p>You are signed in at {{.Connection}}. One thing is left before your account is made.</p>
<form method="post" action="/welcome">
` + teamChoice + `
<button>Continue</button>
</form>`)

var homePage = page.Parse(`<p>{{.Username}}{{with .Email}} · {{.}}{{end}}{{if .Admin}} · system administrator{{end}}</p>
<form method="post" action="/logout"><button class="quiet">Sign out</button></form>
<h2>Teams and channels</h2>
{{range .Teams}}<p><strong>{{.Name}}</strong>{{if eq .Role "admin"}} <span class="soft">(admin)</span>{{end}}</p>
<ul>{{range .Channels}}<li>{{.Name}}{{if eq .Role "admin"}} <span class="soft">(admin)</span>{{end}}</li>{{end}}</ul>
{{else}}<p class="soft">You are in no team.</p>
{{end}}
<h2>Where you are signed in</h2>
<table class="wide">
<thead><tr><th scope="col">Browser</th><th scope="col">Since</th><th scope="col">Last used</th><th scope="col">By</th><th scope="col"></th></tr></thead>
<tbody>
{{range .Sessions}}<tr><td>{{.Agent}}</td><td data-label="Since">{{.Created}}</td><td data-label="Last used">{{.Used}}</td><td data-label="By">{{.From}}</td><td>{{if .Here}}this one{{else}}<form method="post" action="/sessions/revoke"><input type="hidden" name="id" value="{{.ID}}"><button class="quiet" aria-label="Sign out {{.Agent}}, signed in {{.Created}}">Sign out</button></form>{{end}}</td></tr>
{{end}}</tbody>
</table>
{{if gt (len .Sessions) 1}}<form method="post" action="/sessions/revoke"><input type="hidden" name="all" value="1"><button class="quiet">Sign out all others</button></form>{{end}}
<h2>Personal tokens</h2>
{{if .Tokens}}<table class="wide">
<thead><tr><th scope="col">Token</th><th scope="col">Made</th><th scope="col">Last used</th><th scope="col"></th></tr></thead>
<tbody>
{{range .Tokens}}<tr><td>{{.Description}}</td><td data-label="Made">{{.Created}}</td><td data-label="Last used">{{.Used}}</td><td><form method="post" action="/tokens/revoke"><input type="hidden" name="id" value="{{.ID}}"><button class="quiet" aria-label="Revoke {{.Description}}">Revoke</button></form></td></tr>
{{end}}</tbody>
</table>{{else}}<p class="soft">A program of yours signs in with a token. You have none.</p>{{end}}
<form method="post" action="/tokens">
<label for="description">What is a new token for?</label>
<input id="description" name="description" maxlength="100" required>
<button>Make a token</button>
</form>`)

var tokenPage = page.Parse(`<p>For {{.Description}}:</p>
<p><code>{{.Secret}}</code></p>
<p class="notice">Copy it now. It is not kept, so this is the only time that it is shown.</p>
<p><a href="/">Back</a></p>`)
