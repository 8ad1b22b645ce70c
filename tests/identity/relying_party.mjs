// A relying party on openid-client (a certified library that is not ours): code + PKCE, refresh, CIBA, logout, mix-up.
import * as client from "openid-client";

const [issuer, clientId, secret, callback, rpps] = process.argv.slice(2);
const options = { execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(issuer), clientId, secret, undefined, options);
const jar = new Map();

async function browse(address, form) {
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") };
  const body = form && new URLSearchParams(form);
  const answer = await fetch(address, { method: form ? "POST" : "GET", body, headers, redirect: "manual" });
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    jar.set(name, value);
  }
  return answer;
}

const decode = (text) => text.replaceAll("&amp;", "&").replaceAll("&#39;", "'").replaceAll("&#34;", '"');
const hidden = (page) => Object.fromEntries(
  [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map(([, name, value]) => [name, decode(value)]),
);

async function logIn() {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState(), nonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: "openid scope_all", acr_values: "eidas1", state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  let answer = await browse(address);
  const root = new URL(address).origin;
  if (answer.status === 200) {
    const form = { ...hidden(await answer.text()), identifier: rpps, pin: "1234" };
    answer = await browse(`${root}/auth/card`, form);
  }
  if (answer.status === 200) {
    answer = await browse(`${root}/auth/consent`, { ...hidden(await answer.text()), answer: "yes" });
  }
  const back = new URL(answer.headers.get("location"));
  return { back, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce } };
}

const { back, checks } = await logIn();
const tokens = await client.authorizationCodeGrant(config, back, checks);
const claims = tokens.claims();
const told = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
const known = await client.tokenIntrospection(config, fresh.access_token);

const refused = async (work) => work.then(() => "accepted", (error) => error.error ?? error.code);
const replayed = await refused(client.authorizationCodeGrant(config, back, checks));
const mixed = await logIn();
mixed.back.searchParams.set("iss", "https://evil.example");
const mixUp = await refused(client.authorizationCodeGrant(config, mixed.back, mixed.checks));
const wrong = await logIn();
const wrongVerifier = await refused(
  client.authorizationCodeGrant(config, wrong.back, { ...wrong.checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }),
);

const asked = await client.initiateBackchannelAuthentication(config, {
  scope: "openid scope_all", login_hint: told.SubjectNameID, binding_message: "42", acr_values: "eidas1",
});
const root = new URL(issuer).origin;
const [waiting] = await (await fetch(`${root}/sandbox/api/ecps/${told.SubjectNameID}`)).json();
await fetch(`${root}/sandbox/api/ecps`, {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ id: waiting.id, subject: told.SubjectNameID, number: "42" }),
});
const ciba = await client.pollBackchannelAuthenticationGrant(config, asked);

const session = await logIn();
const last = await client.authorizationCodeGrant(config, session.back, session.checks);
const end = client.buildEndSessionUrl(config, { id_token_hint: last.id_token, state: "s" });
await browse(end);
const afterLogout = await client.tokenIntrospection(config, last.access_token);

console.log(JSON.stringify({
  sub: claims.sub, name: told.family_name, exercises: told.SubjectRefPro.exercices.length, active: known.active,
  replayed, mixUp, wrongVerifier, ciba: ciba.claims().preferred_username, afterLogout: afterLogout.active,
}));
