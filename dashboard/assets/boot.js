// Starts the program. When that fails, the waiting page says so instead of glowing for ever.
import start from "{{script}}";

// A panic of the program reaches the browser as a WebAssembly.RuntimeError, and nothing on the page works after it.
function showCrash(error) {
  if (!(error instanceof WebAssembly.RuntimeError) || document.querySelector(".crash")) return;
  console.error("The dashboard crashed:", error.stack || error.message);
  const crash = document.createElement("div");
  crash.className = "crash";
  crash.setAttribute("role", "alertdialog");
  crash.setAttribute("aria-label", "This page crashed");
  const title = document.createElement("h2");
  title.textContent = "This page crashed";
  const text = document.createElement("p");
  text.textContent = "Your box and your apps are not affected. Reload the page to go on.";
  const reload = document.createElement("button");
  reload.type = "button";
  reload.className = "button is-primary";
  reload.textContent = "Reload";
  reload.addEventListener("click", () => location.reload());
  crash.append(title, text, reload);
  document.body.append(crash);
  reload.focus();
}
addEventListener("error", (event) => showCrash(event.error));
addEventListener("unhandledrejection", (event) => showCrash(event.reason));

start({ module_or_path: "{{module}}" }).catch((error) => {
  console.error(error);
  const boot = document.getElementById("boot");
  if (!boot) return;
  boot.dataset.state = "failed";
  boot.querySelector("[data-failed]").hidden = false;
  boot.querySelector("[data-waiting]").hidden = true;
});
