// Starts the program. When that fails, the waiting page says so instead of glowing for ever.
import start from "{{script}}";

start({ module_or_path: "{{module}}" }).catch((error) => {
  console.error(error);
  const boot = document.getElementById("boot");
  if (!boot) return;
  boot.dataset.state = "failed";
  boot.querySelector("[data-failed]").hidden = false;
  boot.querySelector("[data-waiting]").hidden = true;
});
