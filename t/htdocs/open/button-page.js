document.addEventListener('civic:login', function (event) {
  document.getElementById('told').textContent += 'logged in by ' + event.target.id + '; ';
});
